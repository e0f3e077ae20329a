"""A worker that takes up a spawn message builds Locust's parser once and not once per option."""

import pytest
from locust import argument_parser

from gauntlet import spawning


def test_locusts_own_options_are_gathered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    plain = argument_parser.get_empty_argument_parser

    def counting(*args: object, **options: object) -> object:
        built.append(args)
        return plain(*args, **options)

    monkeypatch.setattr(argument_parser, "default_args_dict", argument_parser.default_args_dict)
    monkeypatch.setattr(argument_parser, "get_empty_argument_parser", counting)
    spawning.install()
    spawning.install()
    answers = [argument_parser.default_args_dict() for _ in range(200)]
    assert len(built) <= 1
    assert all("users" in one or "num_users" in one for one in answers)
    assert answers[0] is answers[-1]
