"""The original tester's `config.json` of the image cloud, comments and all, as settings of ours.

    {
      "test_config": {"num_processes": 10, "images_per_process": 10},   // comments are allowed
      "server_config": {"servers": ["10.0.0.1:8001"], "request_timeout": 30.0}
    }

Processes become users: `num_processes` of them, and `num_processes * images_per_process` pictures
in all, each under its own label.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from gauntlet.documents import Document, validate
from gauntlet.errors import UsageError
from gauntlet.models import Model
from gauntlet.text import shown
from gauntlet.units import format_duration
from gauntlet.wire.cloud import LARGEST_QUOTA

FIRST_BYTE_S = 5.0
"""The original waits no longer for the first piece, whatever its `request_timeout` is."""

_TOKENS = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*')


def _server(text: Any) -> Any:
    if not isinstance(text, str) or not re.fullmatch(r"\S+:\d{1,5}", text) or "@" in text:
        raise ValueError(f'expected a server such as "10.0.0.1:8001", got {shown(text)}')
    return text


def _some(servers: tuple[str, ...]) -> tuple[str, ...]:
    if not servers:
        raise ValueError("expected one server or more, got none")
    return servers


Server = Annotated[str, BeforeValidator(_server)]


class Tests(Model):
    """How much."""

    num_processes: int = Field(default=10, ge=1, le=100_000)
    images_per_process: int = Field(default=10, ge=1, le=1_000_000)
    total_images: int | None = None
    """Computed; what stands here is not read."""
    image_width: int = Field(default=1280, ge=1, le=8192)
    image_height: int = Field(default=720, ge=1, le=8192)
    image_format: Literal["JPEG", "PNG"] = "JPEG"
    image_quality: int = Field(default=85, ge=1, le=100)


class Servers(Model):
    """Where to."""

    servers: Annotated[tuple[Server, ...], Field(strict=False), AfterValidator(_some)]
    request_timeout: float = Field(default=30.0, gt=0, le=86_400)
    retry_attempts: int = Field(default=3, ge=1, le=100)


class Encrypting(Model):
    """What is asked for."""

    usernames: Annotated[tuple[str, ...], Field(strict=False)] = ("alice", "bob", "charlie")
    quota: int = Field(default=5, ge=0, le=LARGEST_QUOTA)


class Saving(Model):
    """What is written where."""

    output_dir: str = "output"
    test_images_dir: str | None = None
    encrypted_dir: str | None = None
    decrypted_dir: str | None = None
    metrics_dir: str | None = None
    save_test_images: bool = True
    save_encrypted_images: bool = True
    save_decrypted_images: bool = True


class Metrics(Model):
    """Accepted and not read, as by the original: all of this is always told."""

    track_latency: bool = True
    track_throughput: bool = True
    track_success_rate: bool = True
    track_failure_rate: bool = True
    track_per_server_metrics: bool = True
    generate_plots: bool = True


class ImageConfig(Model):
    """The whole file."""

    test_config: Tests = Tests()
    server_config: Servers
    encryption_config: Encrypting = Encrypting()
    output_config: Saving = Saving()
    metrics_config: Metrics = Metrics()

    @property
    def host(self) -> str:
        """The servers as Locust's host."""
        return f"udp://{','.join(self.server_config.servers)}"

    def mix(self) -> dict[str, dict[str, Any]]:
        """What the file says, under the keys of the mix."""
        tests, servers, output = self.test_config, self.server_config, self.output_config
        return {
            "pictures": {
                "width": tests.image_width,
                "height": tests.image_height,
                "format": tests.image_format,
                "quality": tests.image_quality,
            },
            "encryption": {
                "usernames": list(self.encryption_config.usernames),
                "quota": self.encryption_config.quota,
            },
            "answers": {
                "first_byte": format_duration(min(FIRST_BYTE_S, servers.request_timeout)),
                "idle": format_duration(min(FIRST_BYTE_S, servers.request_timeout)),
                "total": format_duration(servers.request_timeout),
                "attempts": servers.retry_attempts,
            },
            "output": {
                "folder": output.output_dir,
                "test_images": output.test_images_dir,
                "encrypted": output.encrypted_dir,
                "decrypted": output.decrypted_dir,
                "metrics": output.metrics_dir,
                "save_test_images": output.save_test_images,
                "save_encrypted_images": output.save_encrypted_images,
                "save_decrypted_images": output.save_decrypted_images,
            },
            "processes": {"count": tests.num_processes, "images": tests.images_per_process},
        }

    def lay_on(self, document: Document) -> None:
        """Let the file's values stand for those of a mix."""
        for key, values in self.mix().items():
            inner = document.data.get(key)
            document.data[key] = {**(inner if isinstance(inner, dict) else {}), **values}

    def option_defaults(self, only_one: bool) -> dict[str, Any]:
        """What options of Locust are where nobody gives them."""
        tests = self.test_config
        users = 1 if only_one else tests.num_processes
        total = users * tests.images_per_process
        return {
            "num_users": users,
            "spawn_rate": users,
            "total_iterations": total,
            "host": self.host,
        }


def read(path: str | Path) -> ImageConfig:
    """The settings in a file; UsageError with a line per mistake."""
    name = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        reason = shown(error.strerror)
        raise UsageError(f"{name}: expected a readable file, got {reason}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: expected UTF-8, got other bytes") from error
    try:
        data = json.loads(_TOKENS.sub(lambda found: found[1] or "", text))
    except json.JSONDecodeError as error:
        said = error.msg[:1].lower() + error.msg[1:]
        raise UsageError(f"{name}:{error.lineno}: expected JSON, got a mistake: {said}") from error
    if not isinstance(data, dict):
        raise UsageError(f"{name}: expected an object, got {shown(data)}")
    return validate(ImageConfig, Document(data, {(): name}))
