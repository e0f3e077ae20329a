"""The commands of the image cloud: `make-images`, `verify-images`, `analyze-images`, a full run.

gauntlet run image-cloud --config config.json --full
gauntlet make-images --config config.json
gauntlet verify-images output
gauntlet analyze-images output
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console
from rich.progress import track

from gauntlet import bench, config, image_config, image_verify
from gauntlet.errors import MissingExtra, UsageError
from gauntlet.exitcodes import ExitCode
from gauntlet.mixes.image_cloud import ImageCloudMix, Output
from gauntlet.payloads.arrays import serial_of
from gauntlet.payloads.pictures import PicturePool
from gauntlet.payloads.stamps import SUFFIXES
from gauntlet.report import image_analysis
from gauntlet.report.images import FILE, Row
from gauntlet.report.record import RunRecord
from gauntlet.systems import system as find_system
from gauntlet.wire.scramble import Metadata

KEEP, ONLY = "IMAGE_CLOUD_KEEP", "IMAGE_CLOUD_PROCESS"

config_option = click.option(
    "--config",
    "path",
    metavar="FILE",
    help="Settings in the original tester's form, such as config.json.",
)


def variables(path: str | None, only: int | None, full: bool) -> dict[str, str]:
    """What a run of the image cloud is told in its environment; UsageError for a wrong file."""
    found = {}
    if path is not None:
        settings = image_config.read(path)
        found[find_system("image_cloud").settings] = path
        if only is not None and only > settings.test_config.num_processes:
            most = settings.test_config.num_processes
            raise UsageError(f"--only-process: expected 1 to {most}, got {only}")
    if only is not None:
        if path is None:
            raise UsageError("--only-process: expected --config with it, got none")
        found[ONLY] = str(only)
    if full:
        found[KEEP] = "true"
    return found


def processes(path: str | None, only: int | None, options: Sequence[str]) -> list[str]:
    """As many Locust processes as there are cores, and no more than users."""
    if path is None or only is not None or any(one.startswith("--processes") for one in options):
        return []
    count = min(image_config.read(path).test_config.num_processes, os.cpu_count() or 1)
    return ["--processes", str(count)] if count > 1 else []


def run_fully(command: Sequence[str]) -> int:
    """Clean, load, verify, analyse; the exit code of the verdict.

    Where the load passes and the verification finds something wrong, that counts as failed
    requests.
    """
    mix = _mix(None)
    clean(mix.output)
    record, folder, _ = bench.run(list(command))
    bench.table(record, Console(highlight=False, width=bench.WIDTH))
    click.echo(f"Results: {folder}")
    wrong = 0
    if _has_encrypted(mix.output):
        wrong = verify_all(mix.output, _wanted(mix), mix.verify.tolerance, 0, save=True)
    else:
        click.echo("no encrypted picture to verify")
    analyze(Path(mix.output.place("metrics")))
    code = record.outcome.exit_code
    return int(ExitCode.REQUESTS_FAILED) if code == ExitCode.PASS and wrong else code


def clean(output: Output) -> None:
    """Remove what an earlier run left: files of our names, nothing else."""
    for folder, patterns in (
        ("test_images", (image_verify.TEST_IMAGE,)),
        ("encrypted", (image_verify.ENCRYPTED,)),
        ("decrypted", (image_verify.DECRYPTED,)),
    ):
        place = Path(output.place(folder))  # type: ignore[arg-type]  # one of its three names
        for path in place.iterdir() if place.is_dir() else ():
            if any(pattern.fullmatch(path.name) for pattern in patterns):
                path.unlink()
    metrics = Path(output.place("metrics"))
    names = ["aggregated_metrics.json", "analysis_report.txt", "latency_distribution.png"]
    names += ["success_rate_by_server.png", image_verify.RESULTS, FILE, "run.json"]
    for path in [*(metrics / name for name in names), *metrics.glob("process_*_results.json")]:
        path.unlink(missing_ok=True)


@click.command("make-images")
@config_option
@click.option("--processes", type=click.IntRange(1), help="Processes to make pictures for.")
@click.option("--images", type=click.IntRange(1), help="Pictures of each process.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--output", metavar="DIR", help="Where to. Default: the settings' folder.")
def make_images(
    path: str | None, processes: int | None, images: int | None, seed: int, output: str | None
) -> None:
    """Make the test pictures alone: test_image_{process}_{image}.jpg."""
    mix = _mix(path)
    count, each = processes or mix.processes.count or 10, images or mix.processes.images or 10
    folder = Path(output or mix.output.place("test_images"))
    pictures = mix.pictures
    pool = PicturePool.make(
        size=(pictures.width, pictures.height),
        seed=seed,
        count=pictures.count,
        quality=pictures.quality,
        format=pictures.format,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in _tracked(range(count * each), "Making pictures"):
            process, image = number // each + 1, number % each + 1
            name = f"test_image_{process}_{image}{SUFFIXES[pictures.format]}"
            (folder / name).write_bytes(pool.picture(serial_of(process, image)).content)
    except OSError as error:
        raise UsageError(
            f"{folder}: expected a folder to write to, got {error.strerror}"
        ) from error
    click.echo(f"{count * each} pictures in {folder}")


@click.command("verify-images")
@click.argument("folder", metavar="DIR")
@config_option
@click.option("--tolerance", type=click.IntRange(0, 255), help="Levels that pixels may differ by.")
@click.option("--jobs", type=click.IntRange(1), help="Processes. Default: one per core.")
@click.option("--no-save", is_flag=True, help="Write no decrypted pictures.")
@click.pass_context
def verify_images(
    context: click.Context,
    folder: str,
    path: str | None,
    tolerance: int | None,
    jobs: int | None,
    no_save: bool,
) -> None:
    """Decrypt every encrypted picture below DIR and compare it with its original.

    Names and quota that were asked for come from the run's record in DIR/metrics, or from --config;
    without either, metadata is only read.
    """
    record = _recorded_mix(Path(folder))
    mix = _mix(path) if path else record
    wanted = None if mix is None else _wanted(mix)
    output = Output(folder=folder) if mix is None else _moved(mix.output, folder)
    if tolerance is None:
        tolerance = (mix or _mix(None)).verify.tolerance
    save = not no_save and (mix is None or output.save_decrypted_images or output.keep)
    context.exit(
        int(ExitCode.REQUESTS_FAILED)
        if verify_all(output, wanted, tolerance, jobs or 0, save=save)
        else 0
    )


@click.command("analyze-images")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--no-plots", is_flag=True, help="Write no pictures.")
def analyze_images(folder: Path, no_plots: bool) -> None:
    """Write the reports of a run below DIR: its output folder, or its folder of results."""
    metrics = folder / "metrics"
    analyze(metrics if (metrics / "run.json").is_file() else folder, plots=not no_plots)


def analyze(folder: Path, plots: bool = True) -> None:
    """Write the reports from the record in a folder, into the same."""
    record, rows = load(folder)
    decryption = image_analysis.load_decryption(folder)
    analysis = image_analysis.Analysis(record, rows, decryption)
    paths = image_analysis.write(analysis, folder)
    if plots and image_analysis.can_plot():
        paths += image_analysis.plot(analysis, folder)
    elif plots:
        click.echo(str(MissingExtra("plots: drawing them", "plots")), err=True)
    click.echo(analysis.report(), nl=False)
    click.echo(f"{len(paths)} files in {folder}")


def load(folder: Path) -> tuple[RunRecord, list[Row]]:
    """The record of a run and its pictures; UsageError where there are none."""
    try:
        record = RunRecord.model_validate_json((folder / "run.json").read_text(encoding="utf-8"))
        told = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return record, [Row(**one) for one in told["images"]]
    except OSError as error:
        missing = Path(error.filename or "run.json").name
        raise UsageError(
            f"{folder}: expected the {missing} of a run of the image cloud, got {error.strerror}"
        ) from error
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder}: expected the record of a run, got other content") from error


def verify_all(
    output: Output, wanted: Metadata | None, tolerance: int, jobs: int, *, save: bool
) -> int:
    """Look at all pictures, write the results and say them; how many are not right."""
    todo = image_verify.jobs(output, save=save)
    count = min(jobs or os.cpu_count() or 1, len(todo))
    rows = image_verify.look_at_all(todo, wanted, tolerance, count)
    found = image_verify.summary(_tracked(rows, "Verifying", len(todo)), tolerance)
    path = image_verify.write(found, output)
    click.echo(
        f"{found['successes']} of {found['total']} pictures are right: metadata readable "
        f"{found['metadata_readable']}, as requested {found['metadata_as_requested']}, "
        f"pixels equal {found['pixels_equal']} (tolerance {tolerance}); {path}"
    )
    for row in [one for one in found["results"] if not one["success"]][:20]:
        click.echo(f"  {row['file']}: {row['error']}")
    return int(found["failures"])


def _tracked(items: Any, what: str, total: int | None = None) -> Any:
    """The items, with a bar on standard error where somebody looks on."""
    console = Console(stderr=True)
    hidden = not sys.stderr.isatty()
    return track(items, what, total=total, console=console, disable=hidden)


def _mix(path: str | None) -> ImageCloudMix:
    """The mix, with a file of settings laid on it."""
    system = find_system("image_cloud")
    if path is not None:
        os.environ[system.settings] = path
    mix = config.load_mix(system)
    assert isinstance(mix, ImageCloudMix)
    return mix


def _recorded_mix(folder: Path) -> ImageCloudMix | None:
    """The mix of the run whose record lies below a folder."""
    for place in (folder / "metrics", folder):
        if (place / "run.json").is_file():
            try:
                content = json.loads((place / "run.json").read_text(encoding="utf-8"))
                return ImageCloudMix.model_validate(content["mix"], strict=False)
            except (OSError, ValueError, KeyError, TypeError):
                return None
    return None


def _moved(output: Output, folder: str) -> Output:
    """The folders of a run, below the folder that is named now."""
    return output.model_copy(
        update={
            "folder": folder,
            **{
                name: f"{folder}/{Path(own).name}"
                for name in ("test_images", "encrypted", "decrypted", "metrics")
                if (own := getattr(output, name))
            },
        }
    )


def _wanted(mix: ImageCloudMix) -> Metadata:
    return Metadata(mix.encryption.usernames, mix.encryption.quota)


def _has_encrypted(output: Output) -> bool:
    place = Path(output.place("encrypted"))
    return place.is_dir() and any(image_verify.ENCRYPTED.fullmatch(p.name) for p in place.iterdir())
