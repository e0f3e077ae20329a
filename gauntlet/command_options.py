"""Options that several commands have alike: which target to test."""

import click

from gauntlet import completing

environment = click.option(
    "-e",
    "--env",
    metavar="NAME",
    shell_complete=completing.environments,
    help="Environment to test. Default: embedded.",
)
url = click.option("--url", metavar="URL", help="Address to test; outranks the environment.")
