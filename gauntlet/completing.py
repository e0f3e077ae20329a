"""What the shell proposes behind Tab: names of systems, profiles and environments.

click asks these functions where completion is switched on, in bash by
`eval "$(_GAUNTLET_COMPLETE=bash_source gauntlet)"`.
"""

import click

from gauntlet import config
from gauntlet.errors import GauntletError
from gauntlet.systems import SYSTEMS, System
from gauntlet.systems import system as find_system


def systems(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """The systems, as `gauntlet list` names them."""
    return [name for name in SYSTEMS if name.startswith(typed)]


def profiles(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """The profiles of the system that the line names so far; without one, those for any."""
    named = (context.params.get("system"), context.params.get("name"), *context.args)
    system = next(filter(None, map(_known, named)), None)
    return [name for name in config.profile_names(system) if name.startswith(typed)]


def _known(name: str | None) -> System | None:
    """The system of that name; click leaves it among other words where a value is still missing."""
    try:
        return find_system(name) if name else None
    except GauntletError:
        return None


def environments(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """The environments that there are."""
    return [name for name in config.environment_names() if name.startswith(typed)]
