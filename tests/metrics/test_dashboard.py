"""The dashboard says of every panel what it shows, in what unit and where; needs no Grafana."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
BOARD: Json = json.loads(
    (ROOT / "metrics" / "grafana" / "dashboards" / "gauntlet.json").read_text()
)
PANELS: list[Json] = [one for one in BOARD["panels"] if one["type"] != "row"]
COLUMNS = 24
UNITS = {"s", "percentunit", "reqps", "bytes", "dthms", "none", "short"}


def overrides(panel: Json) -> list[tuple[str, Json]]:
    """What is said of single fields: the field's name, and all that is set."""
    return [
        (one["matcher"]["options"], {each["id"]: each["value"] for each in one["properties"]})
        for one in panel["fieldConfig"]["overrides"]
    ]


def renamed(panel: Json) -> dict[str, str]:
    """Names of a table's columns by the field that Prometheus answers with."""
    (names,) = (
        one["options"]["renameByName"]
        for one in panel["transformations"]
        if one["id"] == "organize"
    )
    assert isinstance(names, dict)
    return names


def every(kind: str) -> list[Any]:
    return [pytest.param(one, id=one["title"]) for one in PANELS if one["type"] == kind]


def test_panels_fill_the_page_without_a_gap_and_none_lies_on_another() -> None:
    taken = [
        (x, y)
        for place in (one["gridPos"] for one in BOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    height = max(y for _, y in taken) + 1
    assert sorted(taken) == [(x, y) for x in range(COLUMNS) for y in range(height)]


@pytest.mark.parametrize("panel", [pytest.param(one, id=one["title"]) for one in PANELS])
def test_a_panel_has_a_title_a_unit_and_queries_of_the_run_that_was_chosen(panel: Json) -> None:
    assert panel["title"] and panel["fieldConfig"]["defaults"]["unit"] in UNITS
    for target in panel["targets"]:
        selectors = re.findall(r"\b(?:gauntlet|process)_\w+(\{[^}]*\})?", target["expr"])
        assert selectors and all('instance="$instance"' in one for one in selectors)
        assert target["expr"].count("(") == target["expr"].count(")")
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_times_ratios_and_rates_are_shown_as_such() -> None:
    for panel in PANELS:
        if panel["type"] == "table":
            continue
        unit, queries = panel["fieldConfig"]["defaults"]["unit"], panel["targets"]
        for expression in (one["expr"] for one in queries):
            if re.search(r"histogram_quantile|response_time_seconds\{", expression):
                assert unit == "s", panel["title"]
            elif "_ratio" in expression or "cpu_seconds" in expression:
                assert unit == "percentunit", panel["title"]
            elif "_bytes" in expression:
                assert unit == "bytes", panel["title"]
            elif re.search(r"requests_per_second|rate\(gauntlet_(requests|fail)", expression):
                assert unit == "reqps", panel["title"]


@pytest.mark.parametrize("panel", every("timeseries"))
def test_every_line_has_a_name_and_what_is_said_of_a_line_is_said_of_one(panel: Json) -> None:
    names = [target["legendFormat"] for target in panel["targets"]]
    assert all(names)
    labels = {"missing", "ready", "running", "spawning"} if "{{state}}" in names else set()
    assert {name for name, _ in overrides(panel)} <= {*names, *labels}


@pytest.mark.parametrize("panel", every("table"))
def test_every_column_has_a_name_and_what_is_said_of_a_column_is_said_of_one(panel: Json) -> None:
    columns = renamed(panel)
    answered = {f"Value #{target['refId']}" for target in panel["targets"]}
    assert {one for one in columns if one.startswith("Value")} == answered
    assert {name for name, _ in overrides(panel)} <= set(columns.values())
    assert {one["displayName"] for one in panel["options"]["sortBy"]} <= set(columns.values())
    assert all(target["instant"] and target["format"] == "table" for target in panel["targets"])


@pytest.mark.parametrize("panel", every("table"))
def test_a_table_keeps_what_was_told_last_when_the_process_has_ended(panel: Json) -> None:
    """Prometheus forgets at once what it cannot read any more, unless a query looks back."""
    for target in panel["targets"]:
        assert "last_over_time(" in target["expr"]


def test_every_verdict_has_its_colour_so_far_and_in_the_end() -> None:
    (panel,) = (one for one in PANELS if one["title"] == "Verdict")
    (target,) = panel["targets"]
    assert target["expr"].count("sum(") == target["expr"].count("{"), "one figure, not one for each"
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
    shown = {one["text"]: one["color"] for one in mapping["options"].values()}
    for verdict, colour in (("PASS", "green"), ("FAIL", "red"), ("INVALID", "orange")):
        assert (shown[verdict], shown[f"{verdict} so far"]) == (colour, colour)
        assert f'verdict="{verdict}"' in target["expr"]
