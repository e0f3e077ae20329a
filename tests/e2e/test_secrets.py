"""A secret in a file stays there: no list of processes, no log and no report has it."""

from pathlib import Path

import psutil
import pytest

from gauntlet.clients._chater_tokens import mint
from tests.e2e.support import Lab, Process, meeting_point
from tests.e2e.test_chater import LOCUSTFILE, SECRET, Chater

pytestmark = pytest.mark.e2e

KEY, TOKEN = "EATER_SECRET_KEY", "TEST_USER_TOKEN"


def seen(process: Process) -> str:
    """What `ps auxe` shows of a process and of those it started."""
    family = [psutil.Process(process.pid), *process.children()]
    return "\n".join(f"{one.cmdline()} {one.environ()}" for one in family)


@pytest.mark.parametrize("name", [KEY, TOKEN])
def test_a_secret_in_a_file_stays_there(lab: Lab, name: str) -> None:
    chater = Chater(lab)
    target = chater.target()
    secret = SECRET if name == KEY else mint(SECRET, "everybody@example.com")
    file = lab.folder.parent / f"{lab.folder.name}-secret"  # beside the lab, which is searched
    file.write_text(secret)
    bound, at = meeting_point()
    profile = ["--load-profile", chater.profile(), "--host", target.address]
    run = chater.start("--processes", "2", *bound, *at, *profile, **{f"{name}_FILE": str(file)})
    run.wait_until(lambda: len(run.children()) == 2 and target.requests > 5, "load by two workers")
    listed = seen(run)
    ended = run.end()
    assert ended.code == 0, ended.output + ended.errors
    assert str(file) in listed and str(LOCUSTFILE) in listed
    assert secret not in listed + ended.output + ended.errors
    reports = [path for path in Path(lab.results[0]).rglob("*") if path.is_file()]
    assert len(reports) > 5
    assert [path.name for path in reports if secret.encode() in path.read_bytes()] == []
