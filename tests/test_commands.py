"""Mistakes on the command line of `gauntlet`: one line each, in the form of all others."""

import re
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from gauntlet import cli
from gauntlet.commands import figures_console
from gauntlet.errors import GauntletError

LINE = re.compile(r"\S.*: expected \S.*, got \S.*")


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        pytest.param(
            "bench predict -c 0",
            "gauntlet bench: --concurrent: expected a whole number from 1, got '0'",
            id="too small",
        ),
        pytest.param(
            "bench predict -n many",
            "gauntlet bench: --requests: expected a whole number from 1, got 'many'",
            id="no number",
        ),
        pytest.param(
            "target predict --port 99999",
            "gauntlet target predict: --port: expected a whole number from 0 to 65535, got '99999'",
            id="too large",
        ),
        pytest.param(
            "target predict --fault-5xx 200%",
            "gauntlet target predict: --fault-5xx: expected a share such as "
            '"0.05" or "5%", got \'200%\'',
            id="a form of our own",
        ),
        pytest.param(
            "target predict --fault-5x 1%",
            "gauntlet target predict: expected an option that there is, got '--fault-5x'; "
            "did you mean --fault-5xx?",
            id="an option that is near another",
        ),
        pytest.param(
            "list --xyzzy",
            "gauntlet list: expected an option that there is, got '--xyzzy'",
            id="an option that is near none",
        ),
        pytest.param(
            "check all of it",
            "gauntlet check: expected no further argument, got 'all of it'",
            id="arguments too many",
        ),
        pytest.param(
            "init", "gauntlet init: expected FOLDER, got nothing", id="an argument missing"
        ),
        pytest.param(
            "run predict --profile",
            "gauntlet: --profile: expected a value, got nothing",
            id="a value missing",
        ),
        pytest.param(
            "run predict --env staging --environment=production -p smoke",
            "--env, --environment: expected one of them, got both",
            id="an option of ours and one of locust for the same",
        ),
        pytest.param(
            "bench predict -c 5 -u10",
            "--concurrent, -u: expected one of them, got both",
            id="two numbers of users",
        ),
        pytest.param(
            "run predict --mode web --headless",
            "--mode web, --headless: expected one of them, got both",
            id="a page in a run without one",
        ),
        pytest.param(
            "matrix file-server --no-plots --target 127.0.0.1:7000 --shared-port",
            "--shared-port: expected no --target with it, got one",
            id="an option for the target that is not started",
        ),
    ],
)
def test_a_mistake_says_what_was_expected_and_what_was_got(
    typed: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["gauntlet", *typed.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err) == (2, "", line + "\n")
    assert LINE.fullmatch(line)


@pytest.mark.parametrize("group", ["", "target", "matrix", "file-server", "k8s"])
def test_help_tells_whole_sentences_of_each_command(group: str) -> None:
    told = CliRunner().invoke(cli.gauntlet, [*group.split(), "--help"]).output
    assert "Commands:" in told
    assert "..." not in told.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("typed", "begun", "proposed"),
    [
        pytest.param("run", "pre", ["predict"], id="a system"),
        pytest.param("run walrus --profile", "qui", ["quick"], id="a profile for any system"),
        pytest.param("run chater --profile", "norm", ["normal"], id="a profile of that system"),
        pytest.param("suite --system chater", "norm", ["normal"], id="a step of a suite"),
        pytest.param("run nothing --profile", "norm", [], id="nothing for an unknown system"),
        pytest.param("capacity predict --env", "prod", ["production"], id="an environment"),
    ],
)
def test_the_shell_completes_names(typed: str, begun: str, proposed: list[str]) -> None:
    shell = ShellComplete(cli.gauntlet, {}, "gauntlet", "_GAUNTLET_COMPLETE")
    found = shell.get_completions(typed.split(), begun)
    assert [one.value for one in found] == proposed


@pytest.mark.parametrize(("columns", "width"), [(60, 140), (200, 200)])
def test_a_narrow_terminal_loses_no_figures(
    columns: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert figures_console().width == width


def test_list_cuts_no_address_and_tells_arrivals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profiles").mkdir()
    rush = "description: Rush\narrivals: 25/s\nduration: 12s\n"
    (tmp_path / "profiles" / "rush.yaml").write_text(rush)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "60")
    told = CliRunner().invoke(cli.gauntlet, ["list", "--system", "image_cloud"]).output
    assert " udp://image-cloud:8001,image-cloud:8002,image-cloud:8003 " in told
    assert re.search(r"^rush +25/s ", told, re.MULTILINE)


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("capacity predict --threshold p95<1s", id="capacity"),
        pytest.param("suite --system predict smoke", id="suite"),
    ],
)
def test_the_variable_says_where_results_go_if_no_option_does(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOCUST_RESULTS_DIR", str(tmp_path / "file"))
    ended = CliRunner().invoke(cli.gauntlet, typed.split())
    assert isinstance(ended.exception, GauntletError)
    assert ended.exception.mistakes[0].startswith("--results-dir: expected a folder to write to")
