"""Reading pictures back in tab "Draw": handlers, HTML, and the page in a real browser."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from pipelines.types import FULL, Box, Element, Layout
from pipelines.vlad.ocr import Word
from pipelines.vlad.readback import read_back
from ui import readback_render as html
from ui import render
from ui.api import Api
from ui.readback import SHOWN, Reading, Readings, drawn
from ui.vlad_tab import Handlers
from ui.vlsa_chat import Chat, Conversation

from .test_browser import Visit

EVIL = "<img src=x onerror=alert(1)>${7*7}"
LAYOUT = Layout(
    "A sign that says 'Open' and 'Late'",
    (
        Element("background", FULL, colour="#fdf5de"),
        Element("text", Box(0.1, 0.1, 0.9, 0.4), "Open", colour="#182658", font="montserrat-700"),
        Element("text", Box(0.1, 0.6, 0.9, 0.9), "Late", colour="#182658", font="montserrat-700"),
    ),
)
READS = [Word("OPEN", Box(0.2, 0.2, 0.7, 0.3)), Word("Lite", Box(0.2, 0.7, 0.7, 0.8))]
GOOD = read_back([READS[0], Word("Late", READS[1].box)], LAYOUT, (), 0.5)
BAD = read_back([*READS, Word(EVIL[:9], Box(0.4, 0.45, 0.6, 0.55))], LAYOUT, (), 0.9)


def stage_with(layout: Layout, count: int = 1, seed: int = 7) -> str:
    """A stage as `Handlers.finished` makes it, of flat pictures."""
    info: dict[str, Any] = {"settings": {}, "layout": layout.to_dict()}
    pictures = [Image.new("RGB", (256, 256), (k, 0, 0)) for k in range(count)]
    uris = [render.data_uri(p, "png", info | {"seed": seed + k}) for k, p in enumerate(pictures)]
    return render.stage(uris=uris, alt="x", seed=seed)


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_right_and_wrong_are_told_by_marks_and_words() -> None:
    good, bad = (html.panel(LAYOUT, Image.new("RGB", (8, 8)), r) for r in (GOOD, BAD))
    assert good.count('aria-label="right"') == 2 and 'aria-label="wrong"' not in good
    assert bad.count('aria-label="right"') == 1 and "L<mark>i</mark>te" in bad
    assert "Both texts read back right." in html.verdict([GOOD], 0, 0)
    assert "1 of 2 texts read back right, and 1 word nobody asked for." in html.verdict([BAD], 0, 0)


def test_what_was_typed_and_read_stays_words() -> None:
    layout = dataclasses.replace(LAYOUT, elements=(Element("text", FULL, EVIL), *LAYOUT.elements[:1]))
    reading = read_back([Word(EVIL, FULL)], layout)
    page = html.panel(layout, Image.new("RGB", (8, 8)), reading, reading.texts, EVIL)
    assert "<img" not in page and "${" not in page and "<img" not in html.panel(LAYOUT, Image.new("RGB", (8, 8)), BAD)


def test_why_one_is_best() -> None:
    near = dataclasses.replace(GOOD, alignment=0.6)
    assert html.why_best([BAD, GOOD], 1) == "Picture 2 is the best: all texts right, the other at most 1."
    assert "nearest to the prompt (0.600 against 0.500)" in html.why_best([GOOD, near], 1)
    assert "no picture is nearer" in html.why_best([GOOD, GOOD], 0)
    stray = dataclasses.replace(near, stray=BAD.stray)
    assert html.why_best([stray, GOOD], 1) == "Picture 2 is the best: no stray words, the other at least 1."


# -- handlers without weights ------------------------------------------------------------------------------------------


def test_the_layout_comes_from_the_picture_itself(empty: Handlers) -> None:
    found = drawn(stage_with(LAYOUT, 3), empty.backend.fonts())
    assert found is not None and found.layout == LAYOUT and found.seed == 7 and len(found.files) == 3
    assert render.stage(uris=found.uris, alt="x", seed=7) == stage_with(LAYOUT, 3)


def test_an_empty_stage_and_a_preview_are_not_read(empty: Handlers) -> None:
    do = Readings(empty.backend)
    for stage in (None, "", render.stage(), render.stage([Image.new("RGB", (8, 8))])):
        (values,) = do.read(True, stage)
        assert len(values) == SHOWN and values[:3] == (None, "", "")
    (values,) = do.read(False, stage_with(LAYOUT))
    assert values[:3] == (None, "", "")


def test_a_forged_stage_is_refused_in_one_sentence(empty: Handlers) -> None:
    plain = render.stage(uris=[render.data_uri(Image.new("RGB", (9, 9)), "png")], seed=1)
    large = render.stage(uris=[render.data_uri(Image.new("RGB", (2000, 9)), "png", {"layout": {}})], seed=1)
    broken = 'src="data:image/png;base64,iVBORw0KGgoAAAAA"'
    for stage in (plain, large, broken, stage_with(LAYOUT, 5)):
        *_, values = Readings(empty.backend).read(True, stage)
        assert values[0] is None and "was drawn here" in values[1] and "Something went wrong" not in values[1]


def test_choosing_marks_the_stage_and_what_the_other_tab_gets(empty: Handlers) -> None:
    found = drawn(stage_with(LAYOUT, 2), empty.backend.fonts())
    assert found is not None
    do, reading = Readings(empty.backend), Reading(found, (GOOD, BAD), 0, 0)
    assert render.pictures(do.shown(reading)[3]) == (list(found.files), 0)
    changed, verdict, panel, stage = do.choose(1, reading)
    assert changed.chosen == 1 and "1 of 2 texts" in verdict and "<mark>" in panel
    assert render.pictures(stage) == (list(found.files), 1)
    view = Chat(empty.backend).look_at_drawing(stage, Conversation(), None)[0]
    assert view.image.getpixel((0, 0)) == (1, 0, 0)
    event = gr.EventData(None, {"index": 1})
    assert do.pick(reading, event)[-1] == 1
    for odd in (-1, 2, True, "1", None):
        assert do.choose(odd, reading)[0] == gr.skip()


def test_a_choice_out_of_range_is_the_first(empty: Handlers) -> None:
    stage = stage_with(LAYOUT, 2).replace('data-chosen="0"', 'data-chosen="9"')
    assert render.pictures(stage)[1] == 0


# -- on the embedded weights -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(handlers: Handlers) -> str:
    """A stage with two drawn pictures."""
    pytest.importorskip("rapidocr")
    from ui.editing import Desk

    return list(handlers.draw(Desk(LAYOUT), 5, False, 2, 2, 1.0, 0.5, 256, False, False))[-1][0]


def test_two_pictures_are_read_and_one_is_chosen(handlers: Handlers, pair: str) -> None:
    waiting, values = Readings(handlers.backend).read(True, pair)
    reading, verdict, panel, stage, choice, _ = values
    assert "Reading" in waiting[1] and reading.drawn.layout == LAYOUT
    assert [r.right for r in reading.readings] == [2, 2] and reading.chosen == reading.best
    assert "Both texts read back right." in verdict and "nearest to the prompt" in verdict and "Open" in panel
    assert choice.value == reading.best and 'class="told"' in stage


def test_without_text_recognition_the_page_says_so(
    handlers: Handlers, pair: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers.backend.pipeline().cache.evict("ocr")
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    *_, values = Readings(handlers.backend).read(True, pair)
    assert "Text recognition is not installed" in values[1] and values[0] is None


def test_reading_back_as_a_public_function(handlers: Handlers, tmp_path: Any) -> None:
    pytest.importorskip("rapidocr")
    api, path = Api(handlers.backend), tmp_path / "picture.png"
    pictures, layout = api.generate("A sign that says 'Open'", 3, 1, 2, best_of=2)
    assert len(pictures) == 1 and pictures[0][1] in ("seed 3", "seed 4")
    pictures[0][0].save(path)
    found = api.read_back(str(path), layout)
    assert found["texts"][0]["planned"] == "Open" and found["texts_right"] == 1
    assert found["mario"]["literal"]["f_measure"] == 1
    with pytest.raises(gr.Error, match="elements"):
        api.read_back(str(path), {})


def test_the_chat_model_reads_beside(pair: str, vlad: Any, vlsa: Any) -> None:
    from ui.backend import Backend

    pytest.importorskip("rapidocr")
    do = Readings(Backend(lambda: vlad, load_vlsa=lambda: vlsa))
    *_, values = do.read(True, pair)
    *_, (reading, panel, _) = do.hear(values[0])
    assert reading.answers[reading.chosen] and "Chat model" in panel and "Chat model" not in values[2]
    assert reading.readings == values[0].readings


# Mean difference of the pixels of two pictures, by their addresses.
DISTANCE = """async (sources) => {
  const [p, q] = await Promise.all(sources.map(async (src) => {
    const image = new Image(), canvas = document.createElement('canvas');
    image.src = src;
    await image.decode();
    canvas.width = canvas.height = 256;
    canvas.getContext('2d').drawImage(image, 0, 0, 256, 256);
    return canvas.getContext('2d').getImageData(0, 0, 256, 256).data;
  }));
  return p.reduce((sum, v, k) => sum + Math.abs(v - q[k]), 0) / p.length;
}"""


@pytest.mark.browser
def test_the_best_of_two_is_marked_and_the_other_can_be_chosen_by_keyboard(browser: Any, url: str) -> None:
    pytest.importorskip("rapidocr")
    visit = Visit(browser, url)
    page = visit.page
    page.get_by_label("2", exact=True).check()
    page.locator("#go").click()
    page.wait_for_selector("#stage .told")
    assert page.locator("#stage .told").count() == 2 and page.locator("#stage .told em").count() == 1
    page.wait_for_selector("#read-panel .told svg")
    best = int(page.locator("#stage .grid").get_attribute("data-chosen"))
    page.locator("#chosen input").nth(1 - best).focus()  # each is a tab stop of its own
    page.keyboard.press("Space")
    page.wait_for_selector(f"#stage .grid[data-chosen='{1 - best}']")
    assert page.locator("#stage figure.on").count() == 1
    chosen, other = (page.locator(f"#stage figure{x} img").get_attribute("src") for x in (".on", ":not(.on)"))
    page.locator("#ask-about").click()
    page.wait_for_selector("#photo img")
    shown = page.locator("#photo img").get_attribute("src")
    near, far = (page.evaluate(DISTANCE, [source, shown]) for source in (chosen, other))
    assert near < far and not visit.wrong
    visit.context.close()
