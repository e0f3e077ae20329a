"""The original tester's config.json, and what each of its mistakes is told as."""

import json
from pathlib import Path
from typing import Any

import pytest

from gauntlet import config, image_config
from gauntlet.errors import UsageError
from gauntlet.mixes import ImageCloudMix
from gauntlet.systems import SYSTEMS

COMMENTED = """{
  "test_config": {
    "num_processes": 4,        // Number of concurrent processes
    "images_per_process": 5,   // Images each process sends
    "total_images": 100         // Total images (calculated)
  },
  "server_config": {
    "servers": [                // List of server IPs
      "10.40.59.43:8001",
      "cloud//x:8001"
    ]
  },
  "encryption_config": {"usernames": ["a//b", "zo\\u00eb"], "quota": 7},
  "output_config": {"output_dir": "out", "save_test_images": false},
  "metrics_config": {"track_latency": true, "generate_plots": true}
}
"""


def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> ImageCloudMix:
    (tmp_path / "config.json").write_text(text)
    monkeypatch.setenv("IMAGE_CLOUD_CONFIG", str(tmp_path / "config.json"))
    mix = config.load_mix(SYSTEMS["image_cloud"])
    assert isinstance(mix, ImageCloudMix)
    return mix


def test_the_example_with_its_comments_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mix = load(tmp_path, monkeypatch, COMMENTED)
    assert mix.encryption.usernames == ("a//b", "zoë")
    assert (mix.processes.count, mix.processes.images) == (4, 5)
    assert (mix.pictures.width, mix.pictures.height, mix.pictures.quality) == (1280, 720, 85)
    assert (mix.answers.total, mix.answers.attempts, mix.answers.first_byte) == (30.0, 3, 5.0)
    assert mix.output.place("encrypted") == "out/encrypted"
    assert (mix.output.save_test_images, mix.output.save_encrypted_images) == (False, True)
    assert config.option_defaults(SYSTEMS["image_cloud"]) == {
        "num_users": 4,
        "spawn_rate": 4,
        "total_iterations": 20,
        "host": "udp://10.40.59.43:8001,cloud//x:8001",
    }


def test_one_process_alone_is_a_user_with_its_own_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE_CLOUD_PROCESS", "3")
    mix = load(tmp_path, monkeypatch, COMMENTED)
    assert mix.processes.only == 3
    defaults = config.option_defaults(SYSTEMS["image_cloud"])
    assert (defaults["num_users"], defaults["total_iterations"]) == (1, 5)


MISTAKES: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "1: expected JSON, got a mistake: "),
    "no object": ("[]", " expected an object, got a list"),
    "no servers": ({}, " server_config: expected this key, got nothing"),
    "an empty list": (
        {"server_config": {"servers": []}},
        " server_config.servers: expected one server or more, got none",
    ),
    "a server without a port": (
        {"server_config": {"servers": ["10.0.0.1"]}},
        ' server_config.servers[0]: expected a server such as "10.0.0.1:8001", got ',
    ),
    "a misspelled key": (
        {"server_config": {"servers": ["a:1"], "retry_atempts": 3}},
        " server_config.retry_atempts: expected one of servers, request_timeout, retry_attempts, "
        "got 'retry_atempts'; did you mean retry_attempts?",
    ),
    "no processes": (
        {"server_config": {"servers": ["a:1"]}, "test_config": {"num_processes": 0}},
        " test_config.num_processes: expected 1 or more, got 0",
    ),
}


@pytest.mark.parametrize(("content", "line"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_in_one_line(
    content: Any, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.json"
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(UsageError) as caught:
        load(tmp_path, monkeypatch, text)
    assert len(caught.value.mistakes) == 1
    assert caught.value.mistakes[0].startswith(f"{path}:{line}")


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(UsageError, match="nowhere.json: expected a readable file, got "):
        image_config.read("nowhere.json")
