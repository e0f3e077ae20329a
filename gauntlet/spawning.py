"""Lets a worker take up a spawn message while its users go on.

Locust 2.47 asks for its own options once per option that a spawn message holds, and builds its
whole parser for each answer: a tenth of a second in which no user of that worker moves, seconds
where the machine is busy. A curve sends such a message with every step. The answer never changes,
so it is kept.
"""

from functools import cache

from locust import argument_parser


def install() -> None:
    """Keep the answer in this process; harmless where Locust keeps it itself."""
    if not hasattr(argument_parser.default_args_dict, "cache_info"):
        argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
