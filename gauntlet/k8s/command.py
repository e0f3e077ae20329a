"""`gauntlet k8s`: manifests made from an overlay, and a run of them in a cluster.

gauntlet k8s render --overlay smoke-job --workers 4
gauntlet k8s run --overlay smoke-job --workers 4
"""

from pathlib import Path
from typing import Any

import click
import yaml

from gauntlet import command_options
from gauntlet.commands import Group
from gauntlet.errors import UsageError
from gauntlet.k8s import manifests
from gauntlet.k8s.cluster import Kubectl, overlay_folder, render
from gauntlet.k8s.manifests import Document
from gauntlet.k8s.running import ClusterRun
from gauntlet.units import parse_duration

SPARE_S = 120.0
"""Seconds that a Job's pods may take to come, beside its own deadline."""
DEFAULT_S = 3600.0


@click.group(cls=Group)
def k8s() -> None:
    """Load tests in Kubernetes, by way of kubectl."""


def _of_overlay(command: Any) -> Any:
    """The options that say what is applied."""
    for option in (
        click.option("--image", metavar="IMAGE", help="The image to run."),
        click.option("--namespace", metavar="NAME", help="Where to run. Default: the overlay's."),
        click.option(
            "--workers", type=click.IntRange(1), metavar="N", help="Default: the overlay's."
        ),
        click.option(
            "--overlay",
            required=True,
            metavar="NAME",
            help="One of k8s/overlays, or a folder of your own.",
        ),
    ):
        command = option(command)
    return command


@k8s.command("render")
@_of_overlay
def render_overlay(
    overlay: str, workers: int | None, namespace: str | None, image: str | None
) -> None:
    """Print the manifests of an overlay; talks to no cluster."""
    documents = manifests.adjusted(render(overlay_folder(overlay)), workers, namespace, image)
    click.echo(as_yaml(documents), nl=False)


@k8s.command("run")
@_of_overlay
@click.option("--context", "cluster", metavar="NAME", help="Of kubectl's configuration.")
@click.option("--timeout", metavar="TIME", help="Give up after this. Default: the Job's deadline.")
@click.option("--keep", is_flag=True, help="Leave everything in the cluster.")
@command_options.results
@click.pass_context
def run_overlay(
    context: click.Context,
    overlay: str,
    workers: int | None,
    namespace: str | None,
    image: str | None,
    keep: bool,
    results_dir: str,
    timeout: str | None,
    cluster: str | None,
) -> None:
    """Apply an overlay, follow its run, fetch the reports, clean up, exit by the verdict."""
    from gauntlet.report.files import check_writable

    documents = manifests.adjusted(render(overlay_folder(overlay)), workers, namespace, image)
    kubectl = Kubectl(cluster, manifests.namespace_of(documents))
    run = ClusterRun(
        kubectl,
        documents,
        _seconds(timeout, documents),
        say=lambda line: click.echo(line, err=True),
    )
    check_writable(results_dir)
    context.exit(int(run.run(Path(results_dir), keep)))


def as_yaml(documents: list[Document]) -> str:
    """The documents as one text that `kubectl apply -f` takes."""
    return yaml.dump_all(
        documents, Dumper=_Indented, sort_keys=False, explicit_start=True, width=100
    )


class _Indented(yaml.SafeDumper):
    """Indents the items of a list, as manifests are written."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)


def _seconds(timeout: str | None, documents: list[Document]) -> float:
    if timeout is None:
        deadline = manifests.master(documents)["spec"].get("activeDeadlineSeconds", DEFAULT_S)
        return float(deadline) + SPARE_S
    try:
        return parse_duration(timeout)
    except ValueError as error:
        raise UsageError(f"--timeout: {error}") from None
