"""The page in a real browser: what a visitor does, with the mouse, with the keyboard alone, wide and narrow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import MISSING

pytestmark = pytest.mark.browser
PROMPT = "A badge with a star that says 'Hello' on a navy blue background"
WAIT = 30_000  # ms


class Visit:
    """A page with what went wrong on it: console errors and requests to anywhere else."""

    def __init__(self, browser: Any, url: str, width: int = 1440, dark: bool = False, query: str = "") -> None:
        scheme = "dark" if dark else "light"
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.wrong: list[str] = []
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))
        self.page.on("request", lambda r: self._seen(r.url, url))
        self.page.goto(url + query, wait_until="domcontentloaded")
        self.page.wait_for_selector("#understood .marked")

    def _seen(self, address: str, home: str) -> None:
        if not address.startswith((home, "data:", "blob:")):
            self.wrong.append(f"request to {address}")

    def box(self, index: int) -> list[float]:
        words = self.page.locator(f"#plan g.box[data-i='{index}']").get_attribute("data-box")
        return [float(v) for v in words.split(",")]

    def toasts(self) -> str:
        self.page.get_by_test_id("toast-body").first.wait_for()
        return " ".join(t.inner_text() for t in self.page.get_by_test_id("toast-body").all())


@pytest.fixture()
def by_hand(browser: Any, empty_url: str, tmp_path: Path) -> Iterator[Visit]:
    """A plan that was imported, on an app without weights: everything but planning and drawing works."""
    layout = {
        "prompt": PROMPT,
        "elements": [
            {"kind": "background", "box": [0, 0, 1, 1], "colour": "#182658"},
            {"kind": "text", "text": "Hello", "box": [0.2, 0.2, 0.8, 0.4], "colour": "#ffffff"},
        ],
    }
    path = tmp_path / "layout.json"
    path.write_text(json.dumps(layout), "utf-8")
    visit = Visit(browser, empty_url)
    visit.page.locator("#import input[type=file], input[type=file]").first.set_input_files(path)
    visit.page.wait_for_selector("#plan svg")
    yield visit
    visit.context.close()


def test_the_page_opens_without_weights_and_says_why(browser: Any, empty_url: str) -> None:
    visit = Visit(browser, empty_url)
    visit.page.wait_for_selector("#banner li")
    assert MISSING in visit.page.locator("#banner").inner_text()
    assert not visit.wrong
    visit.context.close()


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (800, True), (360, False)])
def test_nothing_sticks_out_and_nothing_leaves(browser: Any, empty_url: str, width: int, dark: bool) -> None:
    visit = Visit(browser, empty_url, width, dark)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert visit.page.evaluate("document.body.classList.contains('dark')") is dark
    visit.page.locator(".theme").click()
    assert visit.page.evaluate("document.body.classList.contains('dark')") is not dark
    assert not visit.wrong
    visit.context.close()


def test_markup_in_a_prompt_stays_words(browser: Any, empty_url: str) -> None:
    visit = Visit(browser, empty_url)
    visit.page.locator("#prompt textarea").fill('A sign that says "<img src=x onerror=alert(1)> {{7*7}} ${1+1}"')
    visit.page.get_by_text("{{7*7}} ${1+1}").first.wait_for()
    assert visit.page.locator("#understood img").count() == 0 and not visit.wrong
    visit.context.close()


def test_boxes_move_by_mouse_and_by_keys(by_hand: Visit) -> None:
    page = by_hand.page
    page.evaluate("window.scrollTo(0, 0)")
    edge = page.locator("#plan g.box[data-i='1'] .edge").bounding_box()
    page.mouse.move(edge["x"] + 20, edge["y"] + edge["height"] / 2)
    page.mouse.down()
    page.mouse.move(edge["x"] + 20, edge["y"] + edge["height"] / 2 + 60, steps=4)
    page.mouse.up()
    page.wait_for_function("!document.querySelector(\"#plan g.box[data-i='1']\").dataset.box.includes('0.2000,0.2000')")
    y0 = by_hand.box(1)[1]
    assert y0 > 0.25
    page.locator("#plan g.box[data-i='1']").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelector(\"#plan g.box[data-i='1']\").dataset.box.startsWith('0.1800')")
    assert by_hand.box(1)[1] == pytest.approx(y0, abs=0.002) and not by_hand.wrong


def test_a_bad_cell_is_explained_and_a_good_one_moves_the_box(by_hand: Visit) -> None:
    page = by_hand.page

    def write(value: str) -> None:
        page.locator("#table [data-row='1'][data-col='3']").first.dblclick()
        page.keyboard.press("Control+A")
        page.keyboard.type(value)
        page.keyboard.press("Enter")

    write("abc")
    assert "Row 2, x0" in by_hand.toasts()
    assert by_hand.box(1)[0] == 0.2
    write("0.1")
    page.wait_for_function("document.querySelector(\"#plan g.box[data-i='1']\").dataset.box.startsWith('0.1000')")
    assert not by_hand.wrong


def test_elements_are_added_deleted_undone_and_exported(by_hand: Visit, tmp_path: Path) -> None:
    page, boxes = by_hand.page, by_hand.page.locator("#plan g.box")
    page.locator("#tool-object").dblclick()  # the tool twice: one of the usual size
    for button, count in (("", 3), ("#duplicate", 4), ("#delete", 3), ("#undo", 4), ("#redo", 3)):
        if button:
            page.locator(button).click()
        page.wait_for_function(f"document.querySelectorAll('#plan g.box').length === {count}")
    with page.expect_download() as download:
        page.locator("#export").click()
    download.value.save_as(tmp_path / "out.json")
    assert len(json.loads((tmp_path / "out.json").read_text("utf-8"))["elements"]) == boxes.count()
    assert not by_hand.wrong


# -- on the embedded weights ------------------------------------------------------------------------------------------


def test_the_whole_way_by_keyboard(browser: Any, url: str) -> None:
    visit = Visit(browser, url)
    page = visit.page
    page.locator("#prompt textarea").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type(PROMPT)
    page.keyboard.press("Enter")  # plans
    page.wait_for_selector("#plan svg")
    assert page.locator("#stage img").count() == 0
    page.locator("#draw").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#stage a.save")
    assert "Done" in page.locator("#status").inner_text() and not visit.wrong
    visit.context.close()


def test_plan_and_draw_four_pictures_with_a_kept_seed(browser: Any, url: str) -> None:
    visit = Visit(browser, url, 390)
    page = visit.page
    page.locator("#randomise input").uncheck()
    page.locator("#seed input").fill("77")
    page.get_by_label("4", exact=True).check()
    page.locator("#go").click()
    page.wait_for_function("document.querySelectorAll('#stage a.save').length === 4")
    names = [a.get_attribute("download") for a in page.locator("#stage a.save").all()]
    assert names == [f"vlad-{77 + k}.png" for k in range(4)] and not visit.wrong
    visit.context.close()


def test_a_negative_prompt_and_a_size_are_heeded_and_come_back(browser: Any, url: str) -> None:
    visit = Visit(browser, url)
    page = visit.page
    page.locator("#prompt textarea").fill("A card that says 'Hello' with a balloon and a cake")
    page.locator("#negative-prompt textarea").fill("balloons, blurry")
    page.get_by_label("512", exact=True).check()
    page.locator("#go").click()
    page.wait_for_selector("#stage a.save")
    assert page.locator("#stage img").first.evaluate("i => [i.naturalWidth, i.naturalHeight]") == [512, 512]
    things = page.locator("#plan g.box").evaluate_all("all => all.map(g => g.textContent).join(' ')")
    assert "cake" in things and "balloon" not in things
    assert "blurry" in page.locator("#step-2").inner_text()  # what the plan knows nothing of is said
    link = page.locator("#link a").get_attribute("href")
    again = Visit(browser, url, query=link or "")
    again.page.wait_for_selector("#plan svg")
    assert again.page.locator("#negative-prompt textarea").input_value() == "balloons, blurry"
    assert again.page.get_by_label("512", exact=True).is_checked()
    assert not visit.wrong and not again.wrong
    visit.context.close()
    again.context.close()


def test_stop_stops(browser: Any, url: str) -> None:
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    visit = Visit(browser, url)
    page = visit.page
    page.locator("#examples button").first.click()
    page.wait_for_selector("#plan svg")
    page.get_by_text("Advanced").click()
    page.get_by_label("4", exact=True).check()
    for _ in range(3):  # a number typed faster than any person may not have been taken over when Draw is pressed
        page.get_by_label("number input for Steps").fill("50")
        page.get_by_label("number input for Steps").press("Tab")
        page.wait_for_timeout(800)
        page.locator("#draw").click()
        try:
            page.wait_for_function("/of 50/.test(document.querySelector('#status').innerText)", timeout=8000)
            break
        except PlaywrightTimeout:
            continue
    page.locator("#stop").click()
    page.get_by_text("Stopped").wait_for()
    page.wait_for_timeout(6000)
    assert "Stopped" in page.locator("#status").inner_text() and page.locator("#stage a.save").count() == 0
    visit.context.close()
