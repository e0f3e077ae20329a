"""The `gauntlet` command.

gauntlet run SYSTEM      build the equivalent locust command, print it and become it
gauntlet list            environments, profiles with their numbers, systems
gauntlet check           validate every YAML file
gauntlet target NAME     a reference target, with faults that can be switched on
gauntlet make-images     the image cloud's test pictures; verify-images DIR, analyze-images DIR
gauntlet init DIR        a locustfile and the profiles, to make your own
gauntlet file-server …   the file server's client as a command
gauntlet capacity SYSTEM the highest load that holds all thresholds
gauntlet matrix …        many runs over all combinations of dimensions
gauntlet suite           profiles in turn, as long as each passes
gauntlet prove           whether each threshold would notice what it is there for
gauntlet compare A B     what changed between runs, and whether it got worse
gauntlet history         the runs under results/, and where they tend to
gauntlet k8s …           manifests from an overlay, and a run of them in a cluster
gauntlet report RUN…     the reports of finished runs again, several merged or over each other

The module of each is read when somebody asks for it: none waits for what another needs.
"""

import click

from gauntlet import __version__
from gauntlet.commands import Group, enter

COMMANDS = {
    "analyze-images": "gauntlet.image_commands:analyze_images",
    "bench": "gauntlet.run_command:bench",
    "capacity": "gauntlet.capacity.command:capacity",
    "check": "gauntlet.project_commands:check",
    "compare": "gauntlet.compare.command:compare",
    "file-server": "gauntlet.file_command:file_server",
    "history": "gauntlet.compare.history:history",
    "init": "gauntlet.project_commands:init",
    "k8s": "gauntlet.k8s.command:k8s",
    "list": "gauntlet.list_command:list_all",
    "make-images": "gauntlet.image_commands:make_images",
    "matrix": "gauntlet.matrix.command:matrix",
    "prove": "gauntlet.suite.prove_command:prove",
    "report": "gauntlet.report_command:report",
    "run": "gauntlet.run_command:run",
    "suite": "gauntlet.suite.command:suite",
    "target": "gauntlet.targets.cli:target",
    "verify-images": "gauntlet.image_commands:verify_images",
}


class _Gauntlet(Group):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The systems' names, and what to begin with."""
        from gauntlet.systems import SYSTEMS

        self.epilog = f"""\b
        SYSTEM  {", ".join(SYSTEMS)}
        Begin   gauntlet run predict --profile smoke
        Tab     eval "$(_GAUNTLET_COMPLETE=bash_source gauntlet)"
        """
        super().format_epilog(ctx, formatter)


@click.group(
    cls=_Gauntlet, places=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, "-V", "--version", prog_name="gauntlet")
def gauntlet() -> None:
    """Load-test five kinds of system on Locust, with verdicts one can defend."""


def main() -> None:
    """Run the command line."""
    enter(gauntlet, "gauntlet")


if __name__ == "__main__":
    main()
