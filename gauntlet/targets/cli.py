"""The commands that run reference targets: `gauntlet target NAME`, one per system.

    gauntlet target predict --port 0 --fault-5xx 5%
    gauntlet target walrus --port 0 --mode daemon
    python -m gauntlet.targets predict --port 0 --exit-with-parent

The address is told on standard output: `ready http://127.0.0.1:34567`. What only a running
target needs is imported inside its command. Durations are written as `20ms`, `1.5s` or `2m`,
shares as `0.05` or `5%`.
"""

from functools import partial
from typing import Any

import click

from gauntlet.commands import Group
from gauntlet.targets._chater_options import chater_options
from gauntlet.targets._file_options import file_server_options, launch_file_server
from gauntlet.targets._image_cloud_options import image_cloud_options
from gauntlet.targets._options import (
    duration_option,
    http_faults,
    make_faults,
    seeded,
    serving,
    share_option,
)
from gauntlet.targets._walrus_options import walrus_options


@click.group(cls=Group, context_settings={"show_default": True})
def target() -> None:
    """Run the reference target of a system, with faults if wanted.

    Durations are written as 20ms, 1.5s or 2m, shares as 0.05 or 5%. The address is told on
    standard output.
    """


@target.command()
@serving(8000)
@duration_option(
    "--service-time",
    "service_time_s",
    default="10ms",
    help="Time a prediction blocks its worker per megapixel, on top of decoding and encoding.",
)
@duration_option(
    "--slow-first",
    "slow_first_s",
    default="0s",
    help="Extra time of the first prediction of each worker, as if a model were loaded.",
)
@click.option(
    "--body-limit",
    default=32 * 1024 * 1024,
    type=click.IntRange(1),
    metavar="BYTES",
    help="Longest request body; a longer one gets 413.",
)
@click.option(
    "--concurrent-health",
    is_flag=True,
    help="Answer /health while a prediction runs; the original makes it wait.",
)
@click.option(
    "--instant",
    is_flag=True,
    help="Neither decode nor wait, and return a blank image: for benchmarks.",
)
@http_faults
@share_option(
    "--fault-missing-image",
    "missing_image_share",
    help="Share of predictions with image that come without it, as if drawing had failed.",
)
@share_option(
    "--fault-runtime-error",
    "runtime_error_share",
    help="Share of predictions answered with 500 and a message, as if the model had failed.",
)
@seeded
def predict(host: str, port: int, workers: int, exit_with_parent: bool, **options: Any) -> None:
    """The image API of predict: GET /health, POST /predict."""
    from gauntlet.targets.http_site import http_site, require_http

    require_http("predict")
    from gauntlet.targets.predict import ENDPOINTS, PredictSettings, build_app
    from gauntlet.targets.serve import bind_tcp, serve

    faults, listener = make_faults(options), bind_tcp(host, port)
    settings = PredictSettings(**options)
    site = http_site(
        listener,
        partial(build_app, settings),
        endpoints=ENDPOINTS,
        workers=workers,
        faults=faults,
    )
    serve([site], exit_with_parent=exit_with_parent)


@target.command()
@serving(31415)
@walrus_options
@http_faults
@seeded
def walrus(**options: Any) -> None:
    """The HTTP API of Walrus: blobs and quilts through publisher and aggregator."""
    from gauntlet.targets.http_site import require_http

    require_http("walrus")
    from gauntlet.targets._walrus_launch import launch

    launch(make_faults(options), options)


@target.command()
@serving(5000)
@chater_options
@http_faults
@seeded
def chater(**options: Any) -> None:
    """The HTTP API of Chater: protobuf messages behind bearer tokens.

    Tokens are signed with EATER_SECRET_KEY, or with the content of the file that
    EATER_SECRET_KEY_FILE names. Without either the target makes a secret for itself and tells it
    at /__secret.
    """
    from gauntlet.targets.http_site import require_http

    require_http("chater")
    from gauntlet.targets._chater_launch import launch

    launch(make_faults(options), options)


@target.command("image-cloud")
@image_cloud_options
@seeded
def image_cloud(**options: Any) -> None:
    """Nodes of the image cloud: encryption of pictures over UDP."""
    from gauntlet.targets._image_cloud_launch import launch

    launch(options)


@target.command("file-server")
@file_server_options
def file_server(**options: Any) -> None:
    """The TCP file server: LIST, GET, UPLOAD, DELETE; says in the end what each worker served."""
    launch_file_server(options)
