"""axe-core on the page as a visitor meets it: no serious finding on either tab, light or dark, wide or narrow."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

pytestmark = pytest.mark.browser
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
GRAVE = ("serious", "critical")
WAIT = 90_000  # ms


class Page:
    """A page with axe-core in it, on the embedded weights."""

    def __init__(self, browser: Any, url: str, width: int, scheme: str) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.page.goto(url, wait_until="domcontentloaded")
        self.page.wait_for_selector("#understood .marked")
        self.page.add_script_tag(content=(files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))

    def grave(self) -> list[str]:
        """What axe-core finds and calls serious or critical, with the elements."""
        self.page.wait_for_timeout(500)  # an accordion that opens is see-through for a moment
        found = self.page.evaluate("tags => axe.run(document, { resultTypes: ['violations'], runOnly: tags })", RULES)
        return [
            f"{v['id']}: {v['help']}: {[(n['target'], n['failureSummary']) for n in v['nodes'][:3]]}"
            for v in found["violations"]
            if v["impact"] in GRAVE
        ]

    def said(self, place: str, word: str) -> None:
        self.page.wait_for_function(f"document.querySelector('{place}').innerText.includes('{word}')")

    def open_accordions(self) -> None:
        """Whatever is closed is opened, so that it is looked at as well."""
        closed = self.page.locator(".label-wrap:not(.open):visible")
        while closed.count():
            closed.first.click()


@pytest.fixture(
    scope="module", params=[(1440, "light"), (1440, "dark"), (390, "light")], ids=lambda p: f"{p[0]}-{p[1]}"
)
def opened(request: pytest.FixtureRequest, browser: Any, both_url: str) -> Iterator[Page]:
    page = Page(browser, both_url, *request.param)
    yield page
    page.context.close()


def test_the_first_tab(opened: Page) -> None:
    page = opened.page
    assert not opened.grave()
    page.locator("#go").click()
    page.wait_for_selector("#stage a.save")
    page.locator("#plan g.box[data-i='1']").press("Enter")
    opened.open_accordions()
    assert not opened.grave()


def test_the_second_tab(opened: Page) -> None:
    page = opened.page
    page.get_by_role("tab", name="Ask about an image").click()
    page.locator("#photo-examples button").first.click()
    page.wait_for_selector("#photo img")
    page.locator("#question textarea, #question input").first.fill("What does the text say?")
    page.keyboard.press("Enter")
    opened.said("#chat-status", "Answered")
    opened.open_accordions()
    assert not opened.grave()
    page.get_by_role("tab", name="Reconstruction").click()
    page.locator("#rebuild").click()
    opened.said("#rebuild-status", "Done")
    assert not opened.grave()
    page.get_by_role("tab", name="Tokens").click()
    page.locator("#tokens-show").click()
    page.wait_for_selector("#tokens-json:not([disabled])")
    opened.open_accordions()
    assert not opened.grave()
