"""The options of `gauntlet target chater`, without those every HTTP target has."""

import click

from gauntlet.targets._options import duration_option, options, share_option

_times = options(
    duration_option(
        "--answer-grid",
        "answer_grid_s",
        default="500ms",
        help="How often a waiting request looks for its answer, the first time at once; "
        "0s: as soon as it is there.",
    ),
    click.option(
        "--slots",
        default=4,
        type=click.IntRange(0),
        metavar="COUNT",
        help="Requests that each process handles at a time, the others wait; 0: any number.",
    ),
    duration_option(
        "--photo-time", "photo_time_s", default="300ms", help="Time to look at a photo."
    ),
    duration_option(
        "--recommendation-time",
        "recommendation_time_s",
        default="300ms",
        help="Time to write a recommendation; one a day is kept per user.",
    ),
    duration_option(
        "--work-time", "work_time_s", default="20ms", help="Time of all other work behind the API."
    ),
    click.option(
        "--timeout-scale",
        default=1.0,
        type=click.FloatRange(0),
        metavar="FACTOR",
        help="Factor on the original's timeouts, which are 20 to 90 seconds.",
    ),
)
_rules = options(
    click.option(
        "--daily-limit",
        default=10,
        type=click.IntRange(0),
        metavar="COUNT",
        help="Photos and recommendations per user and UTC day, 400 beyond that; 0: any number.",
    ),
    click.option("--exempt-email", default="", metavar="EMAIL", help="Has no daily limit."),
    click.option(
        "--weight-layout",
        default="server",
        type=click.Choice(["server", "readme"]),
        help="Numbering of a weight's fields: as servers in the field read it, or as the original "
        "tester's description prints it.",
    ),
    click.option(
        "--unsigned-id-tokens",
        is_flag=True,
        help="Let /eater_auth take id tokens whose signature nobody looked at, as the original "
        "does; else they must be signed with the secret.",
    ),
    click.option(
        "--store",
        default="",
        type=click.Path(dir_okay=False),
        metavar="PATH",
        help="SQLite file that keeps users' data for later runs; unless given, they go with the "
        "target.",
    ),
)
_faults = options(
    share_option("--fault-worker-error", "worker_error_share", help="Share whose worker refuses."),
    share_option(
        "--fault-worker-timeout", "worker_timeout_share", help="Share whose worker never answers."
    ),
    share_option("--fault-kafka", "kafka_down_share", help="Share that cannot be dispatched."),
    share_option(
        "--fault-failed", "failed_share", help="Share answered with the text Failed and status 200."
    ),
    share_option("--fault-empty", "empty_share", help="Share answered with 200 and no byte."),
    share_option(
        "--fault-content-type", "content_type_share", help="Share with another content type."
    ),
    share_option(
        "--fault-undone",
        "undone_share",
        help="Share of changes and deletions of dishes that are answered with success, not done.",
    ),
    share_option(
        "--fault-lost-weight", "lost_weight_share", help="Share of weights taken and forgotten."
    ),
    share_option(
        "--fault-totals", "totals_share", help="Share of days whose totals do not add up."
    ),
)
chater_options = options(_times, _rules, _faults)
"""Everything that makes a Chater target; `_chater_launch` takes what they give."""
