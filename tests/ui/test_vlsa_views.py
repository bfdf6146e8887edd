"""Reconstruction and tokens of tab 2: what is built of plain data, the handlers, and the token view in a browser."""

from __future__ import annotations

import asyncio
import base64
import html
import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.vlsa import tiling
from pipelines.vlsa.types import CELLS, CODE_GRID, CODES, PICTURE, Pixels, Predicted, Rebuilt, Tokens, View
from ui import theme
from ui import vlsa_render as render
from ui.backend import Backend
from ui.stops import Stops
from ui.vlsa_parts import NO_IMAGE, need, png
from ui.vlsa_rebuild import OUT as REBUILT
from ui.vlsa_rebuild import Rebuild
from ui.vlsa_tokens import OUT as ENCODED
from ui.vlsa_tokens import TokenView

from .conftest import MISSING, free_port, refuse

EVIL = "<img src=x onerror=alert(1)> {{7*7}} ${1+1} `\\"


def photo(size: tuple[int, int] = (300, 200)) -> View:
    """A disc on navy, seen as 2 x 3 tiles."""
    image = Image.new("RGB", size, "navy")
    ImageDraw.Draw(image).ellipse((40, 30, 160, 150), fill="gold")
    return tiling.view(image)


def encoded(view: View) -> Tokens:
    """Codes that count from 0, and visual tokens that each draw from one tile token."""
    true = np.arange(CODE_GRID**2).reshape(CODE_GRID, CODE_GRID) % 100
    attention = np.zeros((CELLS**2, view.count, CELLS**2), np.float32)
    attention[np.arange(CELLS**2), np.arange(CELLS**2) % view.count, np.arange(CELLS**2)] = 1
    counts = np.bincount(true.ravel(), minlength=CODES)
    errors = np.linspace(0, 20, CODE_GRID**2, dtype=np.float32).reshape(CODE_GRID, CODE_GRID)
    return Tokens(true, errors, view.picture(), counts, 100 / CODES, 99.0, attention)


def half(found: Tokens) -> Predicted:
    """The upper half predicted, its first row right."""
    index = np.where(np.arange(CODE_GRID)[:, None] < CODE_GRID // 2, (found.true + 1) % CODES, -1)
    index[0] = found.true[0]
    return Predicted(index, False, 1 / 16)


def report(view: View, stage: Any, step: int = 0, seconds: float = 1.0, **numbers: float) -> Rebuilt:
    return Rebuilt(stage, step, 4, view.picture(), None, seconds=seconds, **numbers)


@pytest.fixture(scope="module")
def view() -> View:
    return photo()


@pytest.fixture(scope="module")
def found(view: View) -> Tokens:
    return encoded(view)


# -- builders ----------------------------------------------------------------------------------------------------------


def test_the_grid_has_a_cell_for_every_code_and_one_stop_for_tab(view: View, found: Tokens) -> None:
    page = render.explorer(view, found)
    cells = re.findall(r'<i role="gridcell" tabindex="(-?\d)" aria-label="row (\d+), column (\d+), code (\d+)">', page)
    assert len(cells) == CODE_GRID**2 and page.count('role="row"') == CODE_GRID
    assert [c[0] for c in cells].count("0") == 1
    assert [int(c[3]) for c in cells] == found.true.ravel().tolist()
    assert all(int(r) * CODE_GRID + int(c) == k for k, (_, r, c, _) in enumerate(cells))
    assert len(page) < 1_000_000 and "100 of 1,024 codes, 9.8 %" in page


def test_the_data_of_the_grid_survives_its_attribute(view: View, found: Tokens) -> None:
    page = render.explorer(view, found)
    raw = re.search(r'data-grid="([^"]*)"', page)
    assert raw is not None and "{" not in raw[1] and "$" not in raw[1]
    data = json.loads(html.unescape(raw[1]))
    assert data["true"] == found.true.ravel().tolist() and data["tiles"] == [2, 3]
    levels = np.frombuffer(base64.b64decode(data["attention"]), np.uint8).reshape(found.attention.shape)
    assert np.array_equal(levels, (found.attention * 255).astype(np.uint8)) and data["peaks"] == [1.0] * CELLS**2


def test_without_tokens_the_board_is_empty(view: View) -> None:
    for page in (render.explorer(None, None), render.explorer(view, None)):
        assert "data-grid" not in page and "gridcell" not in page
    assert render.predicted_data(None) == ""


def test_a_prediction_is_told_with_what_guessing_gives(found: Tokens) -> None:
    predicted = half(found)
    assert json.loads(render.predicted_data(predicted)) == predicted.index.ravel().tolist()
    page = render.predicting(predicted, 3.0)
    assert "512 of 1,024" in page and "6.2 % right" in page and "0.1 %" in page and "about 3 s left" in page
    assert "width:50%" in page and 'role="status"' in page


def test_words_are_escaped() -> None:
    image = Image.new("RGB", (8, 8))
    for page in (render.working(EVIL, [EVIL], 0.5), render.figure(image, EVIL, EVIL, EVIL), render.ready(None, EVIL)):
        assert "<img src=x" not in page and "{{" not in page and "${" not in page and "`" not in page


def test_the_numbers_of_preview_and_diffusion_stand_in_a_table(view: View) -> None:
    preview = report(view, "preview", psnr=14.216, ssim=0.4, perceptual=0.6)
    done = report(view, "done", 4, 2.5, psnr=float("inf"), ssim=1.0)
    full = render.Pass(True, preview, done, view.picture())
    page = render.results(view, [full, render.Pass(False, preview)])
    assert page.count("<tr>") == 1 + 3 and page.count(render.ALONE) and "14.22" in page and "∞" in page and "–" in page
    assert page.count("<figure>") == 4 + 2 and page.count("alt=") == page.count("<img")
    assert "not installed" in page and "not installed" not in render.results(view, [render.Pass(True, preview)])
    assert render.results(view, [render.Pass()]) == ""


@pytest.mark.parametrize(
    ("step", "number", "total", "left"), [(0, 0, 1, None), (1, 0, 1, 3.0), (4, 0, 2, 1.0), (2, 1, 2, 1.0)]
)
def test_time_left_counts_the_passes_to_come(view: View, step: int, number: int, total: int, left: float) -> None:
    now = report(view, "denoise", step, 1.0)
    assert render.time_left(now, number, total) == left
    page = render.rebuilding(now, number, total)
    assert f"step {step} of 4" in page and ("1 of 2" in page) == (total == 2 and number == 0)


def test_colours_are_named_for_those_who_do_not_see_them() -> None:
    true = np.full((4, 4, 3), 16, np.uint8)
    page = render.colours(Pixels((1, 4), true, true + 16, 16.0))
    assert page.count("<td") == 32 and page.count("<span>#101010</span>") == 16 and page.count("#202020") == 48
    assert "Cells 1 to 4 down and 4 to 7 across" in page and "16.0 of 255" in page


def test_colours_of_codes_are_stable_and_differ() -> None:
    colours = {render.code_colour(k) for k in range(CODES)}
    assert len(colours) > 0.9 * CODES and all(0 <= v <= 255 for c in colours for v in c)


# -- export ------------------------------------------------------------------------------------------------------------


def test_exported_codes_come_back(view: View, found: Tokens) -> None:
    data = json.loads(render.export(view, found, half(found)))
    assert np.array_equal(np.array(data["true"]), found.true) and data["accuracy"] == 1 / 16
    assert np.array_equal(np.array(data["predicted"]), half(found).index)
    sizes = {k: data[k] for k in ("grid", "codebook", "picture", "tiles", "padded")}
    whole = {"grid": [CODE_GRID] * 2, "codebook": CODES, "picture": [PICTURE] * 2, "tiles": [2, 3]}
    assert sizes == {**whole, "padded": [384, 256]}
    assert json.loads(render.export(view, found))["predicted"] is None
    levels = np.frombuffer(base64.b64decode(data["attention"]), np.uint8).reshape(found.attention.shape)
    weights = levels / 255 * np.array(data["peaks"])[:, None, None]
    assert np.abs(weights - found.attention).max() < found.attention.max() / 200
    assert np.abs(np.array(data["error"]) - found.errors).max() <= 0.051


def test_the_exported_picture_shows_the_grid(view: View, found: Tokens) -> None:
    image = render.grid_picture(view, found)
    assert image.size == (CODE_GRID * render.CELL,) * 2 and image.getpixel((render.CELL, 5)) == (32, 40, 36)
    again = Image.open(io.BytesIO(png(image, {"seed": 7})))
    assert again.format == "PNG" and json.loads(again.text["vlsa"]) == {"seed": 7}  # type: ignore[attr-defined]


# -- handlers ----------------------------------------------------------------------------------------------------------


def file_of(button: Any) -> Path:
    """The file behind a download button."""
    return Path(button.value["path"] if isinstance(button.value, dict) else button.value)


def test_without_an_image_or_weights_each_handler_gives_its_sentence(view: View) -> None:
    backend = Backend(refuse, load_vlsa=refuse)
    rebuild, tokens = Rebuild(backend), TokenView(backend)
    for shown, sentence in ((None, NO_IMAGE), (view, MISSING)):
        calls = {
            REBUILT: [rebuild.run(shown, 2, 1.0, 0, False, True)],
            ENCODED: [tokens.show(shown), tokens.predict(shown, None)],
        }
        for size, handlers in calls.items():
            for handler in handlers:
                with pytest.warns(UserWarning, match=re.escape(sentence[:40])):
                    *_, last = handler
                assert len(last) == size and sentence in html.unescape(last[2])
        with pytest.warns(UserWarning, match=re.escape(sentence[:40])):
            assert sentence in html.unescape(tokens.colours(shown, 0, 0))


def test_nothing_can_be_taken_away_before_there_is_something(view: View) -> None:
    tokens = TokenView(Backend(refuse))
    assert all(button.interactive is False for button in tokens.exports(view, None, None))
    assert len(tokens.reset(None)) == ENCODED + 3 and "Ready" in tokens.reset(view)[2]
    assert need(view) is view


def test_a_setting_outside_its_limits_is_explained(view: View) -> None:
    with pytest.warns(UserWarning, match="from 1 to 30"):
        *_, last = Rebuild(Backend(refuse, load_vlsa=refuse)).run(view, 31, 1.0, 0, False, False)
    assert "Not rebuilt" in last[2]


def test_stop_belongs_to_a_session_and_another_image_ends_the_work_quietly() -> None:
    stops = Stops("Rebuild")
    began = -1.0
    assert not stops.since("a", began)
    stops.press("a")
    assert stops.since("a", began) and not stops.since("b", began) and not stops.replaced("a")
    stops.press("a", quiet=True)
    assert stops.since("a", began) and stops.replaced("a") and not stops.replaced("b")
    for k in range(2000):
        stops.press(str(k))
    assert len(stops._pressed) == 1000 and stops.since("1999", began)


def test_a_stop_says_no_more_when_new_work_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the sleep between two sayings is shortened."""
    monkeypatch.setattr("ui.stops.LATE_S", (0.0, 0.0, 0.0))
    stops = Stops("Rebuild")
    request = gr.Request(session_hash="a")

    async def said(new_work: bool) -> int:
        count = 0
        async for _ in stops.stopped(request):
            count += 1
            if new_work:
                stops.begin("a")
        return count

    with ThreadPoolExecutor(1) as thread:  # a browser of other tests has an event loop in this one
        assert thread.submit(asyncio.run, said(new_work=False)).result() == 4
        assert thread.submit(asyncio.run, said(new_work=True)).result() == 1
    began = stops.begin("a")
    assert not stops.since("a", began)
    stops.press("a", quiet=True)
    assert stops.since("a", began)  # and the new work can be ended


def test_colours_of_an_image_that_has_gone_are_not_shown(looking: Backend, view: View) -> None:
    tokens = TokenView(looking)
    tokens.backend = GoneMeanwhile(looking, tokens)  # type: ignore[assignment]
    assert tokens.colours(view, 0, 0) == gr.skip()


class GoneMeanwhile:
    """The backend, while whose work another image comes."""

    def __init__(self, backend: Backend, tokens: TokenView) -> None:
        self.backend, self.tokens = backend, tokens

    def pixels(self, view: View, at: tuple[int, int]) -> Pixels:
        found = self.backend.pixels(view, at)
        self.tokens.reset(None)
        return found


def test_rebuilding_shows_the_preview_first_and_ends_with_a_file(looking: Backend, view: View) -> None:
    values = list(Rebuild(looking).run(view, 2, 1.0, 5, False, True))
    assert all(len(v) == REBUILT for v in values) and values[0][4] == 5
    assert "Instant preview" in values[1][2] and {p.size for p in values[1][0]["value"]} == {view.image.size}
    last = values[-1]
    assert "Done" in last[2] and values[-2][3].count("<tr>") == 1 + 4
    with Image.open(file_of(last[6])) as image:
        info = json.loads(image.text["vlsa"])  # type: ignore[attr-defined]
        assert image.size == view.image.size and info["seed"] == 5 and info["psnr"] > 0


def test_rebuilding_stops_when_asked(looking: Backend, view: View) -> None:
    rebuild = Rebuild(looking)
    run = rebuild.run(view, 30, 1.0, 0, False, False)
    next(run), next(run)
    rebuild.stops.press("")
    rest = list(run)
    assert len(rest) == 1 and "Stopped" in rest[0][2]
    closed = rebuild.run(view, 30, 1.0, 0, False, False)
    next(closed), next(closed)
    closed.close()
    assert list(closed) == []


def test_another_image_ends_the_work_and_nothing_of_the_old_one_stays(looking: Backend, view: View) -> None:
    rebuild, tokens = Rebuild(looking), TokenView(looking)
    run = rebuild.run(view, 30, 1.0, 0, False, True)
    next(run), next(run)
    assert "300 × 200" in rebuild.reset(view)[2]
    rest = list(run)
    assert len(rest) == 1 and rest[0][:2] == (None, None) and "Stopped" not in str(rest[0][2])
    for work in (tokens.show(view), tokens.predict(view, encoded(view))):
        next(work)
        tokens.reset(view)
        *_, last = work
        assert last[3:5] == (None, None) and "Stopped" not in str(last[2])


def test_tokens_are_shown_predicted_and_exported(looking: Backend, view: View) -> None:
    tokens = TokenView(looking)
    values = list(tokens.predict(view, None))
    assert all(len(v) == ENCODED for v in values)
    seen = next(v[3] for v in values if isinstance(v[3], Tokens))
    last = values[-1]
    assert "Predicted" in last[2] and last[4].done and "predicted codes" in last[1]
    codes, picture = (file_of(b) for b in tokens.exports(view, seen, last[4]))
    data = json.loads(codes.read_text("utf-8"))
    again = np.asarray(looking.decode(np.array(data["true"])), np.int16)
    assert np.abs(again - np.asarray(seen.decoded, np.int16)).max() <= 1
    assert looking.decode(np.array(data["predicted"])).size == (PICTURE, PICTURE)
    with Image.open(picture) as image:
        assert image.size == (CODE_GRID * render.CELL,) * 2


def test_colours_are_predicted_for_every_corner(looking: Backend, view: View) -> None:
    for corner in ((0, 0), (4, 2)):
        page = TokenView(looking).colours(view, *corner)
        assert page.count("<td") == 32 and f"Cells {corner[0]} to {corner[0] + 3} down" in page


# -- in a browser, without weights -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def board_url(view: View, found: Tokens) -> Iterator[str]:
    """A page with nothing but the token view, and a button that sends a prediction."""
    with gr.Blocks(analytics_enabled=False) as demo:
        board = gr.HTML(
            render.explorer(view, found), js_on_load=theme.script("vlsa.js"), apply_default_css=False, predicted="",
            elem_id="tokens",
        )  # fmt: skip
        guess = render.predicted_data(half(found))
        gr.Button("guess").click(lambda: gr.HTML(predicted=guess), None, board)
    port = free_port()
    quiet: dict[str, Any] = {"quiet": True, "prevent_thread_lock": True, "ssr_mode": False, "run_history": False}
    demo.launch(server_name="127.0.0.1", server_port=port, css=theme.css(), theme=theme.theme(), **quiet)
    yield f"http://127.0.0.1:{port}/"
    demo.close()


class Board:
    """The token view on a page of a given width."""

    def __init__(self, browser: Any, url: str, width: int) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900})
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))
        self.page.goto(url, wait_until="domcontentloaded")
        self.page.wait_for_function("document.querySelector('[data-f=code]')?.textContent === '0'")

    def fact(self, name: str) -> str:
        return str(self.page.locator(f"[data-f={name}]").text_content())

    def colour(self, row: int, column: int) -> list[int]:
        """RGBA of the middle of a cell on the painted layer."""
        where = f"{column * 32 + 16}, {row * 32 + 4}, 1, 1"
        return self.page.evaluate(
            f"[...document.querySelector('.vt-paint').getContext('2d').getImageData({where}).data]"
        )


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1200])
def test_the_grid_is_walked_by_keys(browser: Any, board_url: str, width: int) -> None:
    board = Board(browser, board_url, width)
    page, cells = board.page, board.page.locator("#tokens [role=gridcell]")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cells.first.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "End", "PageDown"):
        page.keyboard.press(key)
    assert board.fact("place") == "row 9, column 31" and board.fact("code") == str((9 * 32 + 31) % 100)
    assert board.fact("count") == "11 times, 10 other places"
    assert page.locator("[tabindex='0'][role=gridcell]").count() == 1
    page.keyboard.press("Enter")
    assert "Pinned row 9, column 31" in str(page.locator(".vt-say").text_content())
    assert cells.nth(9 * 32 + 31).get_attribute("aria-selected") == "true"
    page.keyboard.press("Control+Home")
    assert board.fact("place") == "row 9, column 31"
    page.keyboard.press("Escape")
    cells.nth(5).hover()
    assert board.fact("place") == "row 0, column 5" and not board.wrong
    board.context.close()


@pytest.mark.browser
def test_layers_are_switched_and_a_prediction_fills_its_own(browser: Any, board_url: str, view: View) -> None:
    board = Board(browser, board_url, 1200)
    page = board.page
    page.get_by_role("button", name="guess").click()
    page.wait_for_function("document.querySelector('.vt-layers input:checked').value === 'predicted'")
    page.locator(".vt-alpha").fill("100")
    right, wrong, still = board.colour(0, 3), board.colour(3, 3), board.colour(20, 3)
    assert right[1] > right[0] and wrong[0] > wrong[1] and still[0] == pytest.approx(still[1], abs=20)
    assert board.fact("guess") == "0, right"
    page.locator(".vt-layers input[value=error]").check()
    assert sum(board.colour(31, 20)[:3]) > sum(board.colour(1, 20)[:3])
    page.locator(".vt-layers input[value=attention]").check()
    page.locator("#tokens [role=gridcell]").nth(4).click()  # visual token 1 drew from tile 1 alone
    assert "row 0, column 1; 100 % from tile row 0, column 1" in board.fact("token")
    assert page.locator(".vt-legend:visible").count() == 1 and not board.wrong
    board.context.close()
