"""The plan editor in a real browser, without weights: by mouse, by finger, with the keyboard alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
WAIT = 60_000  # ms
LAYOUT = {
    "prompt": "A badge with a star that says 'Hello'",
    "elements": [
        {"kind": "background", "box": [0, 0, 1, 1], "colour": "#182658"},
        {"kind": "text", "text": "Hello", "box": [0.2, 0.1, 0.8, 0.3], "colour": "#ffffff", "font": "montserrat-700"},
        {"kind": "object", "text": "star", "box": [0.1, 0.5, 0.4, 0.8]},
        {"kind": "object", "text": "moon", "box": [0.6, 0.5, 0.9, 0.8]},
    ],
}


class Desk:
    """A page with a plan on it, and what went wrong there."""

    def __init__(self, browser: Any, url: str, folder: Path, **context: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 1000}, **context})
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.wrong: list[str] = []
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))
        self.page.goto(url, wait_until="domcontentloaded")
        self.page.wait_for_selector("#understood .marked")
        path = folder / "layout.json"
        path.write_text(json.dumps(LAYOUT), "utf-8")
        self.page.locator("input[type=file][accept^='.json']").set_input_files(path)
        self.page.wait_for_selector("#plan g.box")
        self.page.locator("#plan .sheet").scroll_into_view_if_needed()

    def where(self, x: float, y: float) -> tuple[float, float]:
        """The place of a point of the canvas on the screen."""
        r = self.page.locator("#plan .field").bounding_box()
        return r["x"] + x * r["width"], r["y"] + y * r["height"]

    def drag(self, start: tuple[float, float], end: tuple[float, float], snap: bool = False) -> None:
        self.page.mouse.move(*self.where(*start))
        self.page.mouse.down()
        if not snap:
            self.page.keyboard.down("Alt")
        self.page.mouse.move(*self.where(*end), steps=5)
        self.page.mouse.up()
        self.page.keyboard.up("Alt")

    def box(self, index: int) -> list[float]:
        words = self.page.locator(f"#plan g.box[data-i='{index}']").get_attribute("data-box")
        return [float(v) for v in words.split(",")]

    def wait(self, condition: str) -> None:
        """Until a condition holds; `box(i)` is the box of an element as numbers, `text(s)` the text of a selector."""
        self.page.wait_for_function(
            "(condition) => { const box = (i) => document.querySelector(`#plan g.box[data-i='${i}']`).dataset.box"
            ".split(',').map(Number); const all = (s) => [...document.querySelectorAll(s)];"
            "return Boolean(new Function('box', 'all', `return ${condition}`)(box, all)); }",
            arg=condition,
        )

    def focused(self, index: int) -> None:
        """Until the box of an element has the focus."""
        self.page.wait_for_selector(f"#plan g.box[data-i='{index}']:focus")

    def focus(self, index: int) -> None:
        self.page.locator(f"#plan g.box[data-i='{index}']").focus()

    def row(self, index: int) -> str:
        """A row of the table below: what the server says."""
        return str(self.page.locator(f"#table [data-row='{index}']").all_inner_texts())


@pytest.fixture()
def desk(browser: Any, empty_url: str, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(browser, empty_url, tmp_path)
    yield desk
    assert not desk.wrong
    desk.context.close()


# -- mouse ------------------------------------------------------------------------------------------------------------


def test_a_box_is_drawn_with_a_tool_and_named_at_once(desk: Desk) -> None:
    page = desk.page
    page.locator("#tool-text").click()
    assert page.locator("#tool-text").get_attribute("aria-pressed") == "true"
    desk.drag((0.2, 0.85), (0.7, 0.95))
    page.wait_for_selector("#plan textarea:focus")
    assert desk.box(4) == pytest.approx([0.2, 0.85, 0.7, 0.95], abs=0.006)
    page.keyboard.type("Tonight")  # over the selected words
    page.keyboard.press("Enter")
    desk.wait("box(4) && all('#element option')[5].textContent.includes('Tonight')")
    assert page.locator("#tool-select").get_attribute("aria-pressed") == "true"


def test_a_tool_is_laid_down_by_escape_and_works_by_keys(desk: Desk) -> None:
    page = desk.page
    page.locator("#tool-panel").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert page.locator("#tool-select").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # the tool again: a panel of the usual size
    desk.focused(4)
    assert desk.box(4) == [0.15, 0.3, 0.85, 0.7]


@pytest.mark.parametrize(
    ("grip", "start", "end", "expected"),
    [
        ("e", (0.8, 0.2), (0.9, 0.5), [0.2, 0.1, 0.9, 0.3]),
        ("n", (0.5, 0.1), (0.2, 0.05), [0.2, 0.05, 0.8, 0.3]),
        ("sw", (0.2, 0.3), (0.1, 0.4), [0.1, 0.1, 0.8, 0.4]),
        ("w", (0.2, 0.2), (-0.5, 0.2), [0.0, 0.1, 0.8, 0.3]),
        ("s", (0.5, 0.3), (0.5, 0.0), [0.2, 0.1, 0.8, 0.12]),
    ],
)
def test_handles_resize_and_stay_on_the_canvas(
    desk: Desk, grip: str, start: tuple[float, float], end: tuple[float, float], expected: list[float]
) -> None:
    desk.page.mouse.click(*desk.where(0.5, 0.2))
    desk.page.wait_for_selector("#plan textarea")
    assert desk.page.locator("#plan .grip").count() == 8
    reach = desk.page.locator(f"#plan .grip.{grip} .reach")
    assert float(reach.evaluate("n => getComputedStyle(n).strokeWidth").removesuffix("px")) >= 24
    desk.drag(start, end)
    desk.wait("all('.steps #undo')[0].getAttribute('aria-disabled') === 'false'")
    assert desk.box(1) == pytest.approx(expected, abs=0.012)


def test_a_moved_box_keeps_to_the_middle_of_the_canvas(desk: Desk) -> None:
    desk.drag((0.25, 0.65), (0.495, 0.65), snap=True)
    desk.wait("box(2)[0] > 0.3")
    x0, _, x1, _ = desk.box(2)
    assert (x0 + x1) / 2 == 0.5


# -- keys -------------------------------------------------------------------------------------------------------------


def test_keys_move_resize_lock_and_undo_in_single_steps(desk: Desk) -> None:
    page = desk.page
    desk.focus(2)
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    desk.wait("all('#undo')[0].getAttribute('aria-disabled') === 'false'")
    assert desk.box(2) == [0.14, 0.5, 0.44, 0.8]
    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("Shift+ArrowLeft")
    desk.wait("box(2)[2] === 0.43")
    assert desk.box(2) == [0.14, 0.501, 0.43, 0.801]
    page.keyboard.press("l")
    page.wait_for_selector("#plan g.box.locked[data-i='2']:focus")
    page.keyboard.press("ArrowLeft")
    assert "locked" in page.locator("#plan .tell").inner_text()
    assert "1 of 4 is locked" in page.locator("#plan .locked-words").inner_text()
    page.keyboard.press("l")
    page.wait_for_selector("#plan g.box[data-i='2']:not(.locked):focus")
    for _ in range(3):
        page.keyboard.press("Control+z")
    desk.wait("box(2)[0] === 0.14 && box(2)[1] === 0.5")
    desk.focused(2)
    page.keyboard.press("Control+z")
    desk.wait("box(2)[0] === 0.1")
    page.keyboard.press("Control+y")
    desk.wait("box(2)[0] === 0.14")
    desk.focused(2)


def test_keys_duplicate_reorder_and_delete(desk: Desk) -> None:
    page = desk.page
    desk.focus(2)
    page.keyboard.press("Control+d")
    desk.focused(3)
    desk.wait("all('#plan g.box').length === 5")
    page.keyboard.press("]")
    desk.focused(4)
    desk.wait("all('#element option')[4].textContent.includes('moon')")
    page.keyboard.press("[")
    desk.focused(3)
    page.keyboard.press("Delete")
    desk.wait("all('#plan g.box').length === 4")
    desk.focused(3)  # the next one
    page.keyboard.press("Backspace")
    desk.wait("all('#plan g.box').length === 3")


def test_tab_goes_through_the_list_and_on(desk: Desk) -> None:
    page = desk.page
    page.locator("#tool-panel").focus()
    page.keyboard.press("Tab")
    for i in range(4):  # drawn in another order: objects below texts
        desk.focused(i)
        page.keyboard.press("Tab")
    assert page.locator("#plan g.box:focus").count() == 0
    assert page.evaluate("document.activeElement.name") == "backdrop"
    desk.focus(1)
    page.keyboard.press("Shift+Tab")
    desk.focused(0)


# -- the panel --------------------------------------------------------------------------------------------------------


def test_the_panel_changes_font_colour_style_and_alignment(desk: Desk) -> None:
    page = desk.page
    desk.focus(1)
    page.keyboard.press("Enter")
    page.wait_for_selector("#plan textarea:focus")
    page.get_by_role("combobox", name="Font").click()
    page.keyboard.type("slab roboto")
    assert page.locator("#plan [role=option]:visible").all_inner_texts() == ["Roboto Slab"]
    page.keyboard.press("Enter")
    desk.wait("all('#plan [data-field=font]')[0].dataset.value === 'Roboto Slab'")
    colour = page.get_by_label("Colour, #rrggbb or a name")
    colour.fill("blurple")
    colour.press("Enter")
    page.get_by_test_id("toast-body").first.wait_for()
    page.wait_for_selector("#plan input[aria-invalid=true]")
    assert colour.input_value() == "blurple" and "Roboto" in page.get_by_role("combobox", name="Font").input_value()
    colour.fill("hot pink")
    colour.press("Tab")
    desk.wait("all('#plan input[type=color]')[0].value === '#e22c7a'")
    assert colour.input_value() == "#e22c7a"
    page.get_by_label("Align left").click()
    page.wait_for_selector("#plan [data-to=left][aria-pressed=true]")
    assert page.get_by_label("Second colour, picker").count() == 0
    page.locator("#plan [data-field=style]").select_option("outline")
    page.get_by_label("Second colour, picker").fill("#ffcc00")
    desk.wait("all('#plan [data-field=accent]').every((f) => f.value === '#ffcc00')")
    for _ in range(5):  # each was one step, the refused one none
        page.locator("#undo").click()
    desk.wait("all('#undo')[0].getAttribute('aria-disabled') === 'true' || all('#plan [data-field=font]')[0]"
              ".dataset.value === 'Montserrat 700'")  # fmt: skip


def test_an_element_is_chosen_in_the_list_and_by_its_row(desk: Desk) -> None:
    page = desk.page
    page.locator("#element").select_option("3")
    page.wait_for_selector("#plan g.box.on[data-i='3']")
    page.locator("#table [data-row='1'][data-col='2']").first.click()
    page.wait_for_selector("#plan g.box.on[data-i='1']")
    assert page.locator("#plan textarea").input_value() == "Hello"


def test_the_keys_are_listed(desk: Desk) -> None:
    assert not desk.page.get_by_text("behind or before others of its kind").is_visible()
    desk.page.locator("#keys summary").click()
    assert desk.page.get_by_text("behind or before others of its kind").is_visible()


# -- backdrop ---------------------------------------------------------------------------------------------------------


def test_the_backdrop_and_its_opacity_stay_over_edits(desk: Desk) -> None:
    page = desk.page
    picture = "getComputedStyle(document.querySelector('#plan .field'), '::before').backgroundImage"
    page.locator("#plan [value=picture]").check()
    assert "No picture has been drawn yet" in page.locator("#plan .tell").inner_text()
    page.evaluate("""() => { const c = document.createElement('canvas'); c.width = c.height = 4;
        const i = new Image(); i.src = c.toDataURL(); document.querySelector('#stage .field').append(i); }""")
    page.wait_for_function(f"{picture}.includes('data:image/png')")
    assert page.locator("#plan .tell").inner_text() == ""
    assert not page.locator("#plan .ground").is_visible()
    page.get_by_label("Opacity of the backdrop").fill("40")
    desk.focus(2)
    page.keyboard.press("ArrowRight")
    desk.wait("box(2)[0] === 0.11")
    assert page.locator("#plan [value=picture]").is_checked() and "data:image/png" in page.evaluate(picture)
    assert page.evaluate("getComputedStyle(document.querySelector('#plan .field'), '::before').opacity") == "0.4"
    page.locator("#plan [value=colours]").check()
    page.locator("#plan .ground").wait_for()
    assert page.evaluate("getComputedStyle(document.querySelector('#plan .ground')).opacity") == "0.4"
    page.locator("#plan [value=none]").check()
    assert not page.locator("#plan .ground").is_visible() and page.locator("#plan .name.spare").first.is_visible()


# -- touch ------------------------------------------------------------------------------------------------------------


def test_a_finger_chooses_first_and_moves_then(browser: Any, empty_url: str, tmp_path: Path) -> None:
    desk = Desk(browser, empty_url, tmp_path, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page, phone = desk.page, desk.context.new_cdp_session(desk.page)

    def swipe(start: tuple[float, float], end: tuple[float, float]) -> None:
        places = [desk.where(start[0] + (end[0] - start[0]) * k / 8, start[1] + (end[1] - start[1]) * k / 8)
                  for k in range(9)]  # fmt: skip
        for kind, points in [("touchStart", places[:1]), *(("touchMove", [p]) for p in places[1:]), ("touchEnd", [])]:
            touches = [{"x": x, "y": y} for x, y in points]
            phone.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    scrolled = page.evaluate("scrollY")
    swipe((0.25, 0.65), (0.25, 0.3))  # not chosen: the page scrolls
    page.wait_for_function(f"scrollY > {scrolled} + 40")
    assert desk.box(2) == [0.1, 0.5, 0.4, 0.8] and page.locator("#plan g.box.on").count() == 0
    page.locator("#plan .sheet").scroll_into_view_if_needed()
    page.touchscreen.tap(*desk.where(0.25, 0.65))
    page.wait_for_selector("#plan textarea")
    scrolled = page.evaluate("scrollY")
    swipe((0.25, 0.65), (0.25, 0.45))
    desk.wait("box(2)[1] < 0.4")
    assert page.evaluate("scrollY") == scrolled
    assert desk.box(2)[0] == pytest.approx(0.1, abs=0.02)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not desk.wrong
    desk.context.close()


# -- with weights -----------------------------------------------------------------------------------------------------


def test_planning_again_keeps_what_is_locked(browser: Any, url: str, tmp_path: Path) -> None:
    desk = Desk(browser, url, tmp_path)
    desk.focus(1)
    desk.page.keyboard.press("l")
    desk.page.wait_for_selector("#plan g.box.locked")
    desk.page.locator("#replan").click()
    desk.page.wait_for_function("/Planned/.test(document.querySelector('#status').innerText)")
    boxes = desk.page.locator("#plan g.box.locked").evaluate_all("all => all.map((g) => g.dataset.box)")
    assert boxes == ["0.2000,0.1000,0.8000,0.3000"] and not desk.wrong
    desk.context.close()
