"""Reference targets: one server per system, with faults that can be switched on.

They run in processes of their own (`gauntlet target NAME`, or `python -m gauntlet.targets NAME`)
and never import Locust.
"""
