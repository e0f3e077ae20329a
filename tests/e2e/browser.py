"""Uses Locust's web page in headless Chromium as a person does, and writes down what it saw.

    python -m tests.e2e.browser SCENARIO CHROMIUM ADDRESS FOLDER

A process of its own: the test process is patched by gevent, which Playwright's loop is not made
for. FOLDER then holds the screenshots, the downloaded report and `seen.json`: what each scenario
noted, and for all of them

    errors     what the page's console called an error, and exceptions
    outside    requests to anything but ADDRESS; they are refused

Every wait has a deadline; nothing sleeps.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Locator, Page, Route, expect, sync_playwright

DEADLINE_MS = 60_000
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
DRAWN = """() => [...document.querySelectorAll("canvas")].filter(canvas => {
    const pixels = new Uint32Array(
        canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    return new Set(pixels).size > 10;
}).length"""
"""How many charts hold more than a blank area: lines, labels and their smoothed edges."""

Table = list[list[str]]


class Visitor:
    """A person in front of the page, who takes notes in `seen` and photographs."""

    def __init__(self, page: Page, address: str, folder: Path) -> None:
        self.page = page
        self.seen: dict[str, Any] = {"errors": [], "outside": []}
        self._address = address
        self._folder = folder
        context = page.context
        context.set_default_timeout(DEADLINE_MS)
        context.route("**/*", self._pass_inside)
        context.on("console", lambda said: self._complain(said.text, said.type == "error"))
        context.on("weberror", lambda error: self._complain(str(error.error)))

    def open(self) -> None:
        """Open the page at the start form."""
        self.page.goto(self._address)
        expect(self.button("Start")).to_be_visible(timeout=DEADLINE_MS)

    def photograph(self, name: str, page: Page | None = None) -> None:
        """Keep a screenshot."""
        (page or self.page).screenshot(path=self._folder / f"{name}.png", animations="disabled")

    def button(self, name: str) -> Locator:
        """A button by its inscription."""
        return self.page.get_by_role("button", name=name, exact=True)

    def turn_to(self, tab: str) -> None:
        """Open a tab."""
        self.page.get_by_role("tab", name=tab, exact=True).click()

    @property
    def offers(self) -> list[str]:
        """What the form offers as shapes."""
        return self.page.locator("select[name=shapeClass] option").all_inner_texts()

    def pick(self, profile: str) -> None:
        """Choose the profile in the form."""
        (offer,) = (one for one in self.offers if one.split(" · ")[0] == profile)
        self.page.locator("select[name=shapeClass]").select_option(label=offer)

    def start(self) -> None:
        """Press Start and wait until the form gives way to the run."""
        self.button("Start").click()
        expect(self.button("Stop")).to_be_visible(timeout=DEADLINE_MS)

    def refused(self) -> str:
        """Press Start and read what the page says against it."""
        self.button("Start").click()
        alert = self.page.get_by_role("alert")
        expect(alert).to_be_visible(timeout=DEADLINE_MS)
        return alert.inner_text()

    def table(self) -> Table:
        """The cells of the only table on the page, spaces made plain."""
        rows = self.page.locator("tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
        )
        return [[" ".join(str(cell).split()) for cell in row] for row in rows]

    def wait_for_row(self, start: str, state: str) -> None:
        """Wait until the Gauntlet tab has a row that starts and ends like this."""
        self.page.wait_for_function(
            """([start, state]) => [...document.querySelectorAll("tbody tr")].some(row =>
                row.cells[0].innerText.startsWith(start) &&
                row.cells[row.cells.length - 1].innerText.startsWith(state))""",
            arg=[start, state],
            timeout=DEADLINE_MS,
        )

    def wait_for_another(self, table: Table) -> None:
        """Wait until the table shows something else."""
        self.page.wait_for_function(
            """before => JSON.stringify([...document.querySelectorAll("tbody tr")].map(
                row => [...row.cells].map(cell => cell.innerText.split(/\\s+/).join(" ").trim())
            )) !== before""",
            arg=json.dumps(table, ensure_ascii=False, separators=(",", ":")),
            timeout=DEADLINE_MS,
        )

    def see_charts(self) -> int:
        """Wait until the three charts are drawn; how many there are."""
        self.page.wait_for_function(f"() => ({DRAWN})() >= 3", timeout=DEADLINE_MS)
        return int(self.page.evaluate(DRAWN))

    def download_report(self, name: str) -> None:
        """Open the report, download it from there, and open what came.

        It is opened at an address of the page, since it asks for its icon beside itself.
        """
        file, address = self._folder / name, f"{self._address}/downloaded/{name}"
        self.page.context.route(address, lambda route: route.fulfill(path=file))
        with self.page.expect_popup() as popup:
            self.page.get_by_role("link", name="Download Report").click()
        report = popup.value
        with report.expect_download() as download:
            report.get_by_role("link", name="Download the Report").click()
        download.value.save_as(file)
        report.goto(address)
        expect(report.get_by_text("Request Statistics")).to_be_visible(timeout=DEADLINE_MS)
        self.seen["report"] = report.locator("body").inner_text()
        self.photograph("report", report)
        report.close()

    def write(self) -> None:
        """Write down what was seen."""
        text = json.dumps(self.seen, ensure_ascii=False, indent=2)
        (self._folder / "seen.json").write_text(text, encoding="utf-8")

    def _pass_inside(self, route: Route) -> None:
        url = route.request.url
        if url.startswith(f"{self._address}/") or url.startswith(("data:", "blob:")):
            route.continue_()
        else:
            self.seen["outside"].append(url)
            route.abort()

    def _complain(self, text: str, bad: bool = True) -> None:
        if bad:
            self.seen["errors"].append(text)


def profile(visitor: Visitor) -> None:
    """Pick `tiny` and watch it to its end, download the report; run it again and stop it."""
    seen = visitor.seen
    visitor.open()
    seen["offers"] = visitor.offers
    visitor.photograph("1-start-form")
    visitor.pick("tiny")
    seen["greyed"] = visitor.page.locator("input[name=userCount]").is_disabled()
    visitor.photograph("2-profile-picked")
    visitor.start()

    # First what is there only while the load goes on; a busy machine takes its time for a page.
    visitor.turn_to("Gauntlet")
    visitor.wait_for_row("Verdict so far", "✓")
    seen["live"] = visitor.table()
    visitor.wait_for_another(seen["live"])
    seen["later"] = visitor.table()
    visitor.photograph("3-gauntlet-live")
    visitor.turn_to("Statistics")
    expect(visitor.page.locator("tbody tr")).to_have_count(5, timeout=DEADLINE_MS)
    seen["statistics"] = visitor.table()
    visitor.photograph("4-statistics")
    visitor.turn_to("Charts")
    seen["charts"] = visitor.see_charts()
    visitor.photograph("5-charts")
    visitor.turn_to("Gauntlet")

    expect(visitor.button("New")).to_be_visible(timeout=DEADLINE_MS)
    seen["ended"] = visitor.table()
    visitor.photograph("6-gauntlet-ended")
    visitor.turn_to("Download Data")
    visitor.download_report("downloaded.html")

    visitor.turn_to("Gauntlet")
    visitor.button("New").click()
    visitor.pick("tiny")
    visitor.photograph("7-next-run")
    visitor.start()
    visitor.wait_for_row("Verdict so far", "✓")
    visitor.button("Stop").click()
    expect(visitor.button("New")).to_be_visible(timeout=DEADLINE_MS)
    seen["stopped"] = visitor.table()
    visitor.photograph("8-gauntlet-stopped")


def refusals(visitor: Visitor) -> None:
    """Press Start for what must not, or cannot, be run; the address field holds the guarded one."""
    seen = visitor.seen
    visitor.open()
    seen["offers"] = visitor.offers
    seen["greyed"] = visitor.page.locator("input[name=userCount]").is_disabled()
    seen["guarded"] = visitor.refused()
    visitor.photograph("1-protected")
    visitor.pick("torn")
    expect(visitor.page.get_by_role("alert")).to_have_count(0, timeout=DEADLINE_MS)
    seen["torn"] = visitor.refused()
    visitor.photograph("2-unreadable")
    seen["status"] = visitor.page.locator("header").inner_text()


def stopped(visitor: Visitor) -> None:
    """Pick `smoke`, see requests of every kind, and stop it."""
    visitor.open()
    visitor.pick("smoke")
    visitor.start()
    expect(visitor.page.locator("tbody tr")).to_have_count(5, timeout=DEADLINE_MS)
    visitor.seen["statistics"] = visitor.table()
    visitor.photograph("1-statistics")
    visitor.button("Stop").click()
    expect(visitor.button("New")).to_be_visible(timeout=DEADLINE_MS)
    visitor.turn_to("Gauntlet")
    visitor.seen["ended"] = visitor.table()
    visitor.photograph("2-stopped")


SCENARIOS = {"profile": profile, "refusals": refusals, "stopped": stopped}


Guest = TypeVar("Guest", bound=Visitor)


@contextmanager
def browsing(chromium: str) -> Iterator[Page]:
    """A page in a fresh browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        try:
            yield browser.new_page(viewport={"width": 1280, "height": 900})
        finally:
            browser.close()


def play(
    scenario: Callable[[Guest], None],
    guest: Callable[[Page, str, Path], Guest],
    chromium: str,
    address: str,
    folder: str,
) -> None:
    """Play one scenario; what was seen is written even if it breaks off."""
    with browsing(chromium) as page:
        visitor = guest(page, address, Path(folder))
        try:
            scenario(visitor)
        except Exception:
            visitor.photograph("broken-off")
            raise
        finally:
            visitor.write()


if __name__ == "__main__":
    play(SCENARIOS[sys.argv[1]], Visitor, *sys.argv[2:])
