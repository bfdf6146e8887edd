"""View "Reconstruction" of tab 2: what the encoder kept of an image, rebuilt at once and then by diffusion."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator
from contextlib import closing
from typing import Any

import gradio as gr
from PIL import Image

from pipelines.vlsa.quality import difference_map
from pipelines.vlsa.settings import DEFAULTS, LIMITS, checked
from pipelines.vlsa.types import Rebuilt, View
from ui import render
from ui import vlsa_render as html
from ui.backend import Backend
from ui.handling import CAN_STOP, LINE, NO_STOP, PRIVATE, in_line, seed_for, session_of, skips, warn
from ui.stops import Stops
from ui.vlad_tab import PREVIEW_S
from ui.vlsa_parts import Values, download, need, nothing_to_download, png

OUT = 7  # outputs of Rebuild.run: slider, slider of the snapshot alone, status, results, seed, stop, file
FIRST = "add one in the chat, then rebuild it here"


class Rebuild:
    """What happens in the view; nothing here keeps state of a visitor but when Stop was pressed.

    Args:
        backend: the pipelines of the process.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.stops = Stops("Rebuild")

    def run(
        self, view: View | None, steps: float, guidance: float, seed: Any, randomise: bool, compare: bool,
        request: gr.Request | None = None,
    ) -> Generator[Values, None, None]:  # fmt: skip
        """Rebuild the image, with `compare` a second time from the snapshot alone.

        Yields slider, slider of the snapshot alone, status, results, seed, stop button, file; closing it stops the
        pipeline.
        """
        off = gr.Button(interactive=False)
        try:
            began, image, chosen = self.stops.begin(session_of(request)), need(view), seed_for(seed, randomise)
            waiting = "Loading the weights" if self.backend.chatting.pending else "Getting ready"
            on = gr.Button(interactive=True)
            yield (gr.skip(), None, render.message(waiting), "", chosen, on, nothing_to_download())
            wanted = {"steps": steps, "seed": chosen, "guidance": guidance}
            settings = {name: checked(name, value) for name, value in wanted.items()}
            with closing(self.passes(image, settings, bool(compare), session_of(request), began)) as passes:
                yield from passes
        except Exception as e:
            yield (*skips(2), render.message("Not rebuilt", warn(e)), *skips(2), off, gr.skip())

    def passes(
        self, view: View, settings: dict[str, Any], compare: bool, session: str, began: float
    ) -> Generator[Values, None, None]:
        """The outputs of `run`, one per report that is shown, and the last with the file."""
        done, start = [html.Pass(True), *([html.Pass(False)] if compare else [])], time.perf_counter()
        for k, one in enumerate(done):
            shown = 0.0
            with closing(self.backend.reconstruct(view, {**settings, "perceiver": one.perceiver})) as reports:
                for report in reports:
                    if self.stops.since(session, began):
                        yield self.ended(session)
                        return
                    done[k] = taken(done[k], view, report)
                    if report.stage != "denoise" or time.perf_counter() - shown >= PREVIEW_S:
                        shown = time.perf_counter()
                        yield self.shown(view, done, k, report)
        yield self.finished(view, settings, done, time.perf_counter() - start)

    def ended(self, session: str) -> Values:
        """The last outputs of work that was ended: "Stopped", or for another image nothing of the old one."""
        off = gr.Button(interactive=False)
        if self.stops.replaced(session):
            return (None, None, gr.skip(), "", gr.skip(), off, nothing_to_download())
        return (*skips(2), self.stops.said, *skips(2), off, gr.skip())

    def shown(self, view: View, passes: list[html.Pass], k: int, report: Rebuilt) -> Values:
        """The outputs of one report: its picture beside the original, and the numbers once there are some."""
        # As an update, not as a value: only then does the slider that empties its files keep them.
        sliders = (*skips(k), gr.update(value=pair(view, report.image)), *skips(1 - k))
        status = html.rebuilding(report, k, len(passes))
        numbers = gr.skip() if report.stage == "denoise" else html.results(view, passes)
        return (*sliders, status, numbers, *skips(3))

    def finished(self, view: View, settings: dict[str, Any], passes: list[html.Pass], seconds: float) -> Values:
        """The last outputs: the status and the rebuilt picture as a file with its settings."""
        last = passes[0].done
        how = f"{settings['steps']} steps · {seconds:.1f} s · seed {settings['seed']}"
        status, off = html.working("Done", [how], 1.0), gr.Button(interactive=False)
        if last is None:
            return (*skips(2), status, *skips(2), off, gr.skip())
        file = download(png(view.crop(last.image), info(settings, last)), f"rebuilt-{settings['seed']}.png")
        return (*skips(2), status, *skips(2), off, file)

    def reset(self, view: View | None, request: gr.Request | None = None) -> Values:
        """An empty view for a new image: both sliders, status, results, stop button, file."""
        self.stops.press(session_of(request), quiet=True)
        off = gr.Button(interactive=False)
        return None, None, html.ready(view, FIRST), "", off, nothing_to_download()


def taken(one: html.Pass, view: View, report: Rebuilt) -> html.Pass:
    """A pass with a report taken in; the map of the difference is made for the finished picture."""
    if report.stage == "preview":
        return dataclasses.replace(one, preview=report)
    if report.stage != "done":
        return one
    truth = view.picture(report.image.width)
    return dataclasses.replace(one, done=report, difference=difference_map(truth, report.image))


def pair(view: View, picture: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Original and rebuilt picture without padding, of one size."""
    return view.crop(view.padded), view.crop(picture)


def info(settings: dict[str, Any], report: Rebuilt) -> dict[str, Any]:
    """What the file says about itself."""
    names = ("psnr", "ssim", "perceptual")
    return {**settings, **{n: getattr(report, n) for n in names if getattr(report, n) is not None}}


# -- the page ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Page:
    """The components that the wiring needs."""

    kept: gr.ImageSlider
    alone: gr.ImageSlider
    side: gr.Column
    status: gr.HTML
    results: gr.HTML
    rebuild: gr.Button
    stop: gr.Button
    seed: gr.Number
    randomise: gr.Checkbox
    steps: gr.Slider
    guidance: gr.Slider
    compare: gr.Checkbox
    file: gr.DownloadButton

    @property
    def out(self) -> list[Any]:
        return [self.kept, self.alone, self.status, self.results, self.seed, self.stop, self.file]

    @property
    def settings(self) -> list[Any]:
        return [self.steps, self.guidance, self.seed, self.randomise, self.compare]


def reconstruction(view_state: gr.State, backend: Backend) -> None:
    """The view, inside an open `gr.Blocks`; it follows `view_state`, which holds a View or None."""
    page, do = _page(), Rebuild(backend)
    page.rebuild.click(None, None, page.stop, js=CAN_STOP, **PRIVATE)  # first: one follows the other
    running = page.rebuild.click(do.run, [view_state, *page.settings], page.out, **in_line(page.status))
    running.failure(None, None, page.stop, js=NO_STOP, **PRIVATE)
    page.stop.click(None, None, None, cancels=[running], **PRIVATE)  # first, likewise
    page.stop.click(do.stops.stopped, None, [page.status, page.stop], trigger_mode="multiple", **PRIVATE)
    emptied = [page.kept, page.alone, page.status, page.results, page.stop, page.file]
    view_state.change(do.reset, view_state, emptied, **PRIVATE)  # what runs ends itself at its next report
    page.compare.change(_beside, page.compare, page.side, **PRIVATE, queue=False)


def _beside(compare: bool) -> Any:
    """The slider of the snapshot alone, in sight when it is wanted."""
    return gr.Column(visible=bool(compare))


def _page() -> Page:
    gr.HTML(f'<p class="hint">{html.EXPECT}</p>', js_on_load=None)
    with gr.Row(elem_classes="row-tools"):
        rebuild = gr.Button("Rebuild", variant="primary", elem_id="rebuild", elem_classes="grow")
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="rebuild-stop", elem_classes="grow")
    status = gr.HTML(html.ready(None, FIRST), js_on_load=None, elem_id="rebuild-status", elem_classes=LINE)
    with gr.Row(elem_classes="vr-pair"):
        with gr.Column():
            kept = _slider(html.KEPT, "rebuilt")
        with gr.Column(visible=False) as side:
            alone = _slider(html.ALONE, "rebuilt-alone")
    results = gr.HTML("", js_on_load=None, elem_id="rebuilt-results", apply_default_css=False)
    file = gr.DownloadButton("Download PNG", size="sm", interactive=False, elem_id="rebuilt-png")
    buttons = {"rebuild": rebuild, "stop": stop, "file": file}
    return Page(kept=kept, alone=alone, side=side, status=status, results=results, **buttons, **_settings())


def _slider(title: str, name: str) -> gr.ImageSlider:
    """Original on the left, rebuilt on the right, with its title above."""
    gr.HTML(f'<p class="vr-title">Original on the left | <b>{title}</b> on the right</p>', js_on_load=None)
    return gr.ImageSlider(
        label=f"Original and {title[0].lower()}{title[1:]}",
        show_label=False,
        format="jpeg",
        interactive=False,
        buttons=[],
        max_height=512,
        elem_id=name,
    )


def _settings() -> dict[str, Any]:
    with gr.Row(elem_classes="row-tools"):
        seed = gr.Number(
            int(DEFAULTS["seed"]), label="Seed", precision=0, minimum=0, maximum=int(LIMITS["seed"][1]),
            elem_id="rebuild-seed",
        )  # fmt: skip
        compare = gr.Checkbox(
            False, label="Compare with the snapshot alone", info="SA-Perceiver off; takes twice the time",
            elem_id="rebuild-compare",
        )  # fmt: skip
    randomise = gr.Checkbox(True, label="New random seed each time", elem_id="rebuild-randomise")
    with gr.Accordion("Advanced", open=False, elem_classes="quiet"):
        steps = _number("steps", "Steps", "More steps: slower, finer", 1)
        guidance = _number("guidance", "Guidance", "How strictly the picture follows what the encoder kept", 0.1)
    return {"seed": seed, "compare": compare, "randomise": randomise, "steps": steps, "guidance": guidance}


def _number(name: str, label: str, info: str, step: float) -> gr.Slider:
    """A slider with default and limits from `pipelines.vlsa.settings`."""
    low, high = LIMITS[name]
    return gr.Slider(low, high, DEFAULTS[name], step=step, label=label, info=info, elem_id=f"rebuild-{name}")
