"""Decrypts every kept picture in a pool of processes and says what is right about each.

    output/encrypted/encrypted_1_5.png  +  output/test_images/test_image_1_5.jpg
      -> output/decrypted/decrypted_1_5.png, output/metrics/decryption_results.json

`decryption_results.json`: total, successes, failures, success_rate (%), metadata_readable,
metadata_as_requested, pixels_equal, tolerance, and `results` with one object per picture: file,
success, metadata_readable, metadata_as_requested, pixels_equal (null: there was nothing to compare
with), largest_difference, metadata, dimensions, output; error where it failed.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from gauntlet.errors import UsageError
from gauntlet.mixes.image_cloud import Output
from gauntlet.wire.scramble import Metadata
from gauntlet.wire.verify import Original, verify

RESULTS = "decryption_results.json"
ENCRYPTED = re.compile(r"encrypted_(\d+)_(\d+)\.png")
TEST_IMAGE = re.compile(r"test_image_(\d+)_(\d+)\.(?:jpg|png)")
DECRYPTED = re.compile(r"decrypted_(\d+)_(\d+)\.(?:png|jpg)")


class Job(NamedTuple):
    """One encrypted picture: its file, the original's if there is one, where the result goes."""

    encrypted: Path
    original: Path | None
    decrypted: Path | None


def jobs(output: Output, *, save: bool) -> list[Job]:
    """A job per encrypted picture, by process and image; UsageError where there is none."""
    folder = Path(output.place("encrypted"))
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise UsageError(
            f"{folder}: expected a folder with encrypted pictures, got {error.strerror}"
        ) from error
    labels = sorted(
        (int(found[1]), int(found[2])) for name in names if (found := ENCRYPTED.fullmatch(name))
    )
    if not labels:
        raise UsageError(f"{folder}: expected files such as encrypted_1_1.png, got none")
    originals, decrypted = Path(output.place("test_images")), Path(output.place("decrypted"))
    return [
        Job(
            folder / f"encrypted_{process}_{image}.png",
            _existing(originals / f"test_image_{process}_{image}"),
            decrypted / f"decrypted_{process}_{image}" if save else None,
        )
        for process, image in labels
    ]


def _existing(stem: Path) -> Path | None:
    paths = (stem.with_name(f"{stem.name}{suffix}") for suffix in (".jpg", ".png"))
    return next((path for path in paths if path.is_file()), None)


def look(job: Job, wanted: Metadata | None, tolerance: int) -> dict[str, Any]:
    """Look into one picture; a row of the results. Runs in a process of the pool."""
    told: dict[str, Any] = {"file": job.encrypted.name}
    try:
        original = Original(job.original.read_bytes()) if job.original else None
        data = job.encrypted.read_bytes()
        found = verify(data, original, wanted, tolerance, keep=job.decrypted is not None)
    except (OSError, SyntaxError, ValueError) as error:
        return told | {"success": False, "error": f"cannot be read: {type(error).__name__}"}
    output = None
    if job.decrypted is not None and found.decrypted is not None:
        is_png = found.decrypted.startswith(b"\x89PNG")
        path = job.decrypted.with_name(job.decrypted.name + (".png" if is_png else ".jpg"))
        path.write_bytes(found.decrypted)
        output = str(path)
    wrong = found.error or (None if found.equal else "no original to compare with")
    metadata = found.metadata
    told |= {
        "success": found.right,
        "metadata_readable": found.readable,
        "metadata_as_requested": found.as_requested,
        "pixels_equal": found.equal,
        "largest_difference": found.largest_difference,
        "metadata": metadata and {"usernames": list(metadata.usernames), "quota": metadata.quota},
        "dimensions": list(found.size) if found.size else None,
        "output": output,
    }
    return told if found.right else told | {"error": wrong}


def look_at_all(
    todo: list[Job], wanted: Metadata | None, tolerance: int, processes: int
) -> Iterator[dict[str, Any]]:
    """A row per job, in order, made by so many processes."""
    for folder in {job.decrypted.parent for job in todo if job.decrypted}:
        folder.mkdir(parents=True, exist_ok=True)
    work = partial(look, wanted=wanted, tolerance=tolerance)
    if processes == 1:
        yield from map(work, todo)
        return
    # Spawned: a process that was forked from gevent's would share its loop.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, todo, chunksize=4)


def summary(rows: Iterable[dict[str, Any]], tolerance: int) -> dict[str, Any]:
    """The content of the file of results."""
    results = list(rows)

    def tally(holds: Callable[[dict[str, Any]], bool]) -> int:
        return sum(map(holds, results))

    right = tally(lambda row: row["success"])
    return {
        "total": len(results),
        "successes": right,
        "failures": len(results) - right,
        "success_rate": 100 * right / len(results) if results else 0.0,
        "metadata_readable": tally(lambda row: row.get("metadata_readable") is True),
        "metadata_as_requested": tally(lambda row: row.get("metadata_as_requested") is True),
        "pixels_equal": tally(lambda row: row.get("pixels_equal") is True),
        "tolerance": tolerance,
        "results": results,
    }


def write(found: dict[str, Any], output: Output) -> Path:
    """Write the file of results."""
    folder = Path(output.place("metrics"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RESULTS
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
