"""`gauntlet check` and `gauntlet init`: the files of a project of one's own."""

import shlex
from pathlib import Path

import click

from gauntlet import config, scaffold
from gauntlet.errors import UsageError
from gauntlet.systems import SYSTEMS


@click.command()
def check() -> None:
    """Validate every profile, mix and environment; exit 2 with a line per mistake."""
    checked, mistakes = config.check_all()
    for label in checked:
        click.echo(f"ok  {label}")
    if mistakes:
        raise UsageError(mistakes)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write the locustfiles and profiles into FOLDER, to make them your own."""
    if folder.is_file():
        raise UsageError(f"init: expected a folder to write to, got the file {str(folder)!r}")
    try:
        written = scaffold.lay_out(
            folder, [system.locustfile for system in SYSTEMS.values()], config.roots()[-1]
        )
    except FileExistsError as error:
        raise UsageError(f"init: expected a folder without {error}, got one with it") from error
    except OSError as error:
        raise UsageError(f"init: expected a folder to write to, got {error.strerror}") from error
    click.echo(f"{len(written)} files in {folder}; start with:")
    first = next(iter(SYSTEMS.values())).locustfile
    click.echo(
        f"  cd {shlex.quote(str(folder))} && locust -f {first} --headless --load-profile smoke"
    )
