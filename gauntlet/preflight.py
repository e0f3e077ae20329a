"""One real call per endpoint kind before the load, so that a wrong address is said at once."""

import logging
from typing import Literal

from locust.env import Environment

from gauntlet.errors import TargetUnreachable
from gauntlet.user import SuiteUser, tasks_of

logger = logging.getLogger(__name__)


def preflight(
    environment: Environment, host: str | None, mode: Literal["warn", "strict", "off"]
) -> list[str]:
    """What was wrong, a sentence each; under `strict` that raises TargetUnreachable instead."""
    if mode == "off":
        return []
    problems = _ask(environment, host)
    if problems and mode == "strict":
        raise TargetUnreachable(f"preflight: {problem}" for problem in problems)
    for problem in problems:
        logger.warning("preflight: %s; the load starts all the same", problem)
    return problems


def _ask(environment: Environment, host: str | None) -> list[str]:
    options = environment.parsed_options
    problems: list[str] = []
    for user in environment.user_classes:
        address = host or user.host
        if issubclass(user, SuiteUser) and address and options is not None:
            tasks = tasks_of(user, options.tags, options.exclude_tags)
            problems += user.preflight(address, tasks)
    return list(dict.fromkeys(problems))
