"""View "Tokens" of tab 2: an image under the grid of its codes, their prediction by the language model, and export."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator
from contextlib import closing
from typing import Any

import gradio as gr

from pipelines.vlsa.types import CELLS, Predicted, Tokens, View
from ui import render, theme
from ui import vlsa_render as html
from ui.backend import Backend
from ui.handling import CAN_STOP, LINE, NO_STOP, PRIVATE, in_line, session_of, skips, warn
from ui.stops import Stops
from ui.vlad_tab import PREVIEW_S
from ui.vlsa_parts import Values, download, need, nothing_to_download, png

OUT = 6  # outputs of TokenView.show and .predict: explorer, decoded, status, tokens, predicted, stop
FIRST = "add one in the chat, then see its tokens here"
EMPTY_COLOURS = '<p class="hint">A quarter of the picture, 4 by 4 colours: choose its corner, then predict.</p>'


class TokenView:
    """What happens in the view; nothing here keeps state of a visitor but when Stop was pressed.

    Args:
        backend: the pipelines of the process.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.stops = Stops("“Predict tokens”")

    def show(self, view: View | None, request: gr.Request | None = None) -> Generator[Values, None, None]:
        """Encode the image. Yields explorer, decoded pictures, status, tokens, predicted, stop button."""
        try:
            session = session_of(request)
            began = self.stops.begin(session)
            yield (*skips(2), render.message(self.waiting()), *skips(3))
            values = self.encoded(need(view))
            yield self.ended(session) if self.stops.since(session, began) else values
        except Exception as e:
            yield (*skips(2), render.message("Not encoded", warn(e)), *skips(3))

    def ended(self, session: str) -> Values:
        """The last outputs of work that was ended: "Stopped", or for another image nothing of the old one."""
        off = gr.Button(interactive=False)
        if self.stops.replaced(session):
            return (cleared(), "", gr.skip(), None, None, off)
        return (*skips(2), self.stops.said, *skips(2), off)

    def waiting(self) -> str:
        """What the status says until the first result."""
        return "Loading the weights" if self.backend.chatting.pending else "Encoding the image"

    def encoded(self, view: View) -> Values:
        """The outputs for the tokens of an image, without a prediction."""
        began = time.perf_counter()
        found = self.backend.tokens(view)
        explorer = gr.HTML(value=html.explorer(view, found), predicted="")
        status = render.message("Encoded", f"{(time.perf_counter() - began) * 1000:.0f} ms")
        return explorer, html.decoded(view, found), status, found, None, gr.skip()

    def predict(
        self, view: View | None, found: Tokens | None, request: gr.Request | None = None
    ) -> Generator[Values, None, None]:
        """Have the language model predict the codes, after encoding the image where that was not done yet.

        Yields the outputs of `show`; closing it stops the pipeline.
        """
        off = gr.Button(interactive=False)
        try:
            image, began = need(view), self.stops.begin(session_of(request))
            yield (*skips(2), render.message(self.waiting()), *skips(2), gr.Button(interactive=True))
            if found is None:
                first = self.encoded(image)
                found = first[3]
                yield first
            with closing(self.rounds(image, found, began, session_of(request))) as rounds:
                yield from rounds
        except Exception as e:
            yield (*skips(2), render.message("Not predicted", warn(e)), *skips(2), off)

    def rounds(self, view: View, found: Tokens, pressed: float, session: str) -> Generator[Values, None, None]:
        """The outputs of `predict`, one per round that is shown."""
        began, shown = time.perf_counter(), 0.0
        with closing(self.backend.predict(view)) as reports:
            for report in reports:
                if self.stops.since(session, pressed):
                    yield self.ended(session)
                    return
                now = time.perf_counter()
                if report.done:
                    break
                if now - shown >= PREVIEW_S:
                    shown = now
                    yield self.predicted(view, found, report, now - began)
        yield self.predicted(view, found, report, time.perf_counter() - began)  # which may decode: the work has ended

    def predicted(self, view: View, found: Tokens, report: Predicted, seconds: float) -> Values:
        """The outputs of one round."""
        if report.done and report.decoded is None:
            report = dataclasses.replace(report, decoded=self.backend.decode(report.index))
        layer, status = gr.HTML(predicted=html.predicted_data(report)), html.predicting(report, seconds)
        pictures = gr.skip() if report.decoded is None else html.decoded(view, found, report)
        return layer, pictures, status, gr.skip(), report, gr.Button(interactive=not report.done)

    def colours(self, view: View | None, row: float, column: float, request: gr.Request | None = None) -> Any:
        """True and predicted colours of the quarter whose top-left corner is the cell (row, column)."""
        began, session = time.monotonic(), session_of(request)
        try:
            found = self.backend.pixels(need(view), (int(row), int(column)))
            old = self.stops.since(session, began) and self.stops.replaced(session)
            return gr.skip() if old else html.colours(found)
        except Exception as e:
            return render.notes([warn(e)], "bad")

    def exports(self, view: View | None, found: Tokens | None, predicted: Predicted | None) -> Values:
        """The two download buttons: codes as JSON, picture under the grid as PNG."""
        if view is None or found is None:
            return nothing_to_download(), nothing_to_download()
        text = html.export(view, found, predicted)
        return download(text.encode(), "tokens.json"), download(png(html.grid_picture(view, found)), "tokens.png")

    def reset(self, view: View | None, request: gr.Request | None = None) -> Values:
        """An empty view for a new image: outputs of `show`, colours, and the two files."""
        self.stops.press(session_of(request), quiet=True)
        off = gr.Button(interactive=False)
        files = (nothing_to_download(), nothing_to_download())
        return cleared(), "", html.ready(view, FIRST), None, None, off, EMPTY_COLOURS, *files


def cleared() -> Any:
    """The explorer without an image."""
    return gr.HTML(value=html.explorer(None, None), predicted="")


# -- the page ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Page:
    """The components that the wiring needs."""

    found: gr.State
    predicted: gr.State
    explorer: gr.HTML
    decoded: gr.HTML
    status: gr.HTML
    show: gr.Button
    predict: gr.Button
    stop: gr.Button
    row: gr.Slider
    column: gr.Slider
    predict_colours: gr.Button
    colours: gr.HTML
    codes: gr.DownloadButton
    picture: gr.DownloadButton

    @property
    def out(self) -> list[Any]:
        return [self.explorer, self.decoded, self.status, self.found, self.predicted, self.stop]

    @property
    def files(self) -> list[Any]:
        return [self.codes, self.picture]


def tokens(view_state: gr.State, backend: Backend) -> None:
    """The view, inside an open `gr.Blocks`; it follows `view_state`, which holds a View or None."""
    page, do = _page(), TokenView(backend)
    shown = page.show.click(do.show, view_state, page.out, **in_line(page.status))
    page.predict.click(None, None, page.stop, js=CAN_STOP, **PRIVATE)  # first: one follows the other
    predicting = page.predict.click(do.predict, [view_state, page.found], page.out, **in_line(page.status))
    predicting.failure(None, None, page.stop, js=NO_STOP, **PRIVATE)
    for ended in (shown, predicting):
        ended.then(do.exports, [view_state, page.found, page.predicted], page.files, **PRIVATE)
    page.stop.click(None, None, None, cancels=[predicting], **PRIVATE)  # first, likewise
    page.stop.click(do.stops.stopped, None, [page.status, page.stop], trigger_mode="multiple", **PRIVATE)
    where = [view_state, page.row, page.column]
    page.predict_colours.click(do.colours, where, page.colours, **in_line(page.colours))
    emptied = [*page.out, page.colours, *page.files]
    view_state.change(do.reset, view_state, emptied, **PRIVATE)  # what runs ends itself at its next report


def _page() -> Page:
    gr.HTML(
        '<p class="hint">The picture becomes 32 by 32 codes out of 1,024; the language model can be asked to predict'
        " them from its visual tokens. The grid lies on the square that the model sees.</p>",
        js_on_load=None,
    )
    with gr.Row(elem_classes="row-tools"):
        show = gr.Button("Show tokens", variant="primary", elem_id="tokens-show", elem_classes="grow")
        predict = gr.Button("Predict tokens", elem_id="tokens-predict", elem_classes="grow")
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="tokens-stop", elem_classes="grow")
    status = gr.HTML(html.ready(None, FIRST), js_on_load=None, elem_id="tokens-status", elem_classes=LINE)
    explorer = gr.HTML(
        html.explorer(None, None), js_on_load=theme.script("vlsa.js"), apply_default_css=False, elem_id="tokens",
        predicted="",
    )  # fmt: skip
    decoded = gr.HTML("", js_on_load=None, apply_default_css=False, elem_id="tokens-decoded")
    buttons = {"show": show, "predict": predict, "stop": stop}
    states = {"found": gr.State(None), "predicted": gr.State(None)}
    return Page(explorer=explorer, decoded=decoded, status=status, **buttons, **states, **_files(), **_colours())


def _files() -> dict[str, Any]:
    with gr.Row(elem_classes="row-tools"):
        codes = gr.DownloadButton("Export JSON", size="sm", interactive=False, elem_id="tokens-json")
        picture = gr.DownloadButton("Export PNG", size="sm", interactive=False, elem_id="tokens-png")
    return {"codes": codes, "picture": picture}


def _colours() -> dict[str, Any]:
    with gr.Accordion("Predicted colours", open=False, elem_classes="quiet"):
        with gr.Row(elem_classes="row-tools"):
            row = gr.Slider(0, CELLS // 2, 0, step=1, label="Row of the corner", elem_id="colours-row")
            column = gr.Slider(0, CELLS // 2, 0, step=1, label="Column of the corner", elem_id="colours-column")
        button = gr.Button("Predict colours", elem_id="colours-predict")
        colours = gr.HTML(EMPTY_COLOURS, js_on_load=None, apply_default_css=False, elem_id="colours", elem_classes=LINE)
    return {"row": row, "column": column, "predict_colours": button, "colours": colours}
