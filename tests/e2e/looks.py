"""Looks at pages in headless Chromium at two sizes, light and dark, and says what is wrong there.

    python -m tests.e2e.looks SCENARIO CHROMIUM ADDRESS FOLDER

As tests/e2e/browser.py, whose Visitor it uses: FOLDER then holds `seen.json` and a screenshot for
each page, size and scheme. `seen.json` has under `looks` for each of them

    overflow   points that the page is wider than its window
    texts      how many texts were seen
    pale       those whose contrast with what is behind them is under 4.5
"""

import sys
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.e2e.browser import DEADLINE_MS, Visitor, play

SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
SCHEMES = ("light", "dark")

LOOK = """within => {
    const channels = colour => {
        const found = colour.match(/[\\d.]+%?/g) || [];
        const [r, g, b, a = 1] = found.map(one =>
            one.endsWith("%") ? parseFloat(one) / 100 : parseFloat(one));
        return colour.startsWith("color(srgb") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
    };
    const over = (top, under) =>
        [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
    const linear = one => (one /= 255) <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) =>
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const behind = element => {
        const layers = [];
        for (let one = element; one; one = one.parentElement) {
            if (one instanceof SVGElement) {
                const shapes = [...(one.parentElement?.children ?? [])];
                shapes.filter(shape => shape.tagName === "rect" && shape !== one)
                    .forEach(shape => layers.push(channels(getComputedStyle(shape).fill)));
            } else layers.push(channels(getComputedStyle(one).backgroundColor));
        }
        return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255, 1]);
    };
    const walker = document.createTreeWalker(document.querySelector(within), NodeFilter.SHOW_TEXT);
    const pale = [];
    let texts = 0;
    while (walker.nextNode()) {
        const text = walker.currentNode, element = text.parentElement;
        const range = document.createRange();
        range.selectNodeContents(text);
        const box = range.getBoundingClientRect(), style = getComputedStyle(element);
        if (!text.data.trim() || box.width < 2 || box.height < 2) continue;
        if (!element.checkVisibility({checkVisibilityCSS: true, checkOpacity: true})) continue;
        if (element.closest(".hidden")) continue;
        texts += 1;
        const background = behind(element);
        const drawn = element instanceof SVGElement ? style.fill : style.color;
        const [a, b] = [light(over(channels(drawn), background)), light(background)];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) pale.push([text.data.trim().slice(0, 60), contrast.toFixed(2)]);
    }
    const page = document.documentElement;
    return {overflow: page.scrollWidth - page.clientWidth, texts, pale};
}"""


class Looker(Visitor):
    """A visitor who sees a page at every size and in every light."""

    def look(
        self, name: str, within: str = "body", turn: Callable[[str], None] | None = None
    ) -> None:
        """Note and photograph what is on the page now; `turn` puts it into a scheme by itself."""
        looks: dict[str, Any] = self.seen.setdefault("looks", {})
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            if turn is not None:
                self.page.set_viewport_size({"width": 1280, "height": 900})
                turn(scheme)
            for size, (width, height) in SIZES.items():
                self.page.set_viewport_size({"width": width, "height": height})
                looks[f"{name}-{size}-{scheme}"] = self.page.evaluate(LOOK, within)
                self.page.screenshot(
                    path=self._folder / f"{name}-{size}-{scheme}.jpg",
                    type="jpeg",  # of a long page twice as fast as PNG
                    full_page=True,
                    animations="disabled",
                )
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": 1280, "height": 900})


def reports(visitor: Looker) -> None:
    """Open each report of a folder, the long one several times; press what can be pressed."""
    seen, page = visitor.seen, visitor.page
    seen["opened_ms"] = {}
    for name in ("several", "long"):
        times = seen["opened_ms"].setdefault(name, [])
        for _ in range(3):
            page.goto(f"{visitor._address}/{name}.html", wait_until="load")
            times.append(page.evaluate("performance.getEntriesByType('navigation')[0].domComplete"))
    visitor.look("long")
    plot = page.locator("#over-time .plot").nth(2)
    plot.scroll_into_view_if_needed()
    plot.hover()
    seen["tip"] = page.locator("#tip").inner_text()
    rows = page.locator("#endpoints-table tbody th")
    page.locator("#endpoints-table thead button").nth(1).click()
    seen["sorted"] = page.locator("#endpoints-table td:nth-child(2)").all_inner_texts()
    seen["last"] = rows.last.inner_text()
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    toggle = page.get_by_role("button", name="Light or dark")
    toggle.click()
    seen["turned"] = before != page.evaluate("getComputedStyle(document.body).backgroundColor")
    toggle.click()  # the browser remembers it for all pages of this place
    page.evaluate("localStorage.clear()")
    for name in ("hostile", "several"):
        page.goto(f"{visitor._address}/{name}.html", wait_until="load")
        visitor.look(name)
        seen[name] = page.locator("main").inner_text()
    seen["planted"] = page.evaluate("window.planted ?? null")
    seen["runs"] = page.locator("#percentiles figure").first.locator(".key").all_inner_texts()


def live(visitor: Looker) -> None:
    """Run a profile from Locust's page; look at its tab, and at the page of the suite meanwhile."""
    seen, page = visitor.seen, visitor.page
    page.goto(f"{visitor._address}/gauntlet")
    seen["before"] = page.locator("main").inner_text()
    visitor.open()
    visitor.pick("tiny")
    visitor.start()
    visitor.turn_to("Gauntlet")
    visitor.wait_for_row("Phase steady", "")
    # First what is there only while the load goes on; a busy machine takes its time for a page.
    seen["tab"] = visitor.table()
    page.get_by_role("link", name="Gauntlet report").click()
    requests = page.locator("#headline dd").first
    expect(page.locator("#verdict .so-far")).to_be_visible(timeout=DEADLINE_MS)
    seen["first"] = requests.inner_text()
    expect(requests).not_to_have_text(seen["first"], timeout=DEADLINE_MS)
    seen["later"] = requests.inner_text()
    seen["live"] = page.locator("main").inner_text()
    visitor.look("live")
    expect(page.locator("#verdict .so-far")).to_have_count(0, timeout=DEADLINE_MS)
    seen["ended"] = page.locator("main").inner_text()
    seen["title"] = page.title()
    page.goto(visitor._address)
    visitor.turn_to("Gauntlet")
    visitor.wait_for_row("Verdict", "")
    toggle = page.locator("header button").last
    visitor.look("tab", "tbody", lambda scheme: toggle.click() if scheme == "dark" else None)


SCENARIOS = {"reports": reports, "live": live}


if __name__ == "__main__":
    play(SCENARIOS[sys.argv[1]], Looker, *sys.argv[2:])
