"""Tab "Draw": prompt, plan, picture. The handlers are plain functions of `Handlers`; `build` wires them to the page."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import BadLayout, UserError
from pipelines.types import Layout, Progress
from pipelines.vlad.prompt import MAX_PROMPT
from ui import components, plan_editor, readback, render, theme
from ui.api import Api, drawing_settings
from ui.backend import GENERAL, NO_CHAT, Backend
from ui.editing import Desk
from ui.handling import CAN_STOP, LINE, MODEL, NO_STOP, PRIVATE, Values, in_line, seed_for, session_of, skips, warn
from ui.keeping import Keeper
from ui.plan_editor import NO_PLAN, VIEW, Editor, Part
from ui.presence import queued
from ui.stops import Stops

log = logging.getLogger(__name__)
PREVIEW_S = 0.15  # least seconds between two previews, so that the page stays responsive
DRAWN = 5  # outputs of Handlers.draw: stage, status, seed, stop, draw
EMPTY = "Write a prompt to see how it is understood: texts in quotes, objects, colours, the background."
STALE = (
    "The prompt or the negative prompt has changed since this plan; plan again to follow it, or draw the plan as it is."
)

# On a narrow page the steps stand below each other: show the one that something happens in.
SHOW = """() => { const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (innerWidth < 760) document.getElementById("%s").scrollIntoView({ behavior: calm ? "auto" : "smooth" }); }"""


class Handlers:
    """What happens when a visitor does something; nothing here keeps state of a visitor.

    Args:
        backend: the pipeline and the parts that work without weights.
        folder: where exported layouts are written; a temporary one by default.
    """

    def __init__(self, backend: Backend, folder: Path | None = None) -> None:
        self.backend = backend
        self.editor = Editor(backend, folder)
        self.stops = Stops("Draw")

    # -- showing ------------------------------------------------------------------------------------------------------

    def view(self, desk: Desk, selected: int | None = None, draft: bool = False) -> Values:
        """desk, plan, notes, table, chosen and export of a desk, in the order of the outputs."""
        return self.editor.view(desk, selected, draft)

    def live(self, prompt: str, negative: str, desk: Desk) -> tuple[str, str]:
        """How the prompt is understood while it is typed, and a note when the plan is older than the prompt."""
        if not prompt.strip():
            return f'<p class="hint">{EMPTY}</p>', ""
        try:
            read = self.backend.understand(prompt)
        except UserError as e:
            return render.notes([str(e)], "bad"), ""
        except Exception as e:
            log.error("prompt not understood", exc_info=e)
            return render.notes([GENERAL], "bad"), ""
        planned = desk.layout
        stale = (
            planned and planned.prompt and (planned.prompt, planned.negative_prompt) != (read.prompt, negative.strip())
        )
        return render.understanding(read), render.notes([STALE]) if stale else ""

    def status(self) -> tuple[str, Any]:
        """Banner while the weights load or when they cannot be loaded, and the timer that asks again."""
        drawing, chatting = self.backend.drawing, self.backend.chatting
        failed = [e for e in (drawing.error, chatting.error) if e and e != NO_CHAT]
        banner = render.notes(dict.fromkeys(failed), "bad")
        if drawing.pending:
            banner += render.notes(["Loading the weights; you can write a prompt meanwhile."])
        elif chatting.pending and drawing.ready:
            banner += render.notes(["Loading the weights of the image chat; drawing works already."])
        return banner, gr.Timer(active=drawing.pending or chatting.pending)

    def loaded(self) -> str:
        """What is being computed, what the model cache holds, and the device with its reason."""
        slots = (self.backend.drawing, self.backend.chatting)
        waiting = [s.error or "Some weights are still being loaded." for s in slots if not s.ready]
        notes, cache = render.notes(dict.fromkeys(waiting)), self.backend.cache()
        now = self.backend.lane.gauges()
        line = render.line(now.working, now.waiting + queued())
        return line + (notes if cache is None else render.loaded(cache.stats(), self.backend.device()) + notes)

    # -- planning -----------------------------------------------------------------------------------------------------

    def make_plan(self, prompt: str, negative: str, seed: int, variety: float, without_ccm: bool, desk: Desk) -> Layout:
        """A new plan around the locked elements of the one on the desk."""
        locked = [e for e in desk.layout.elements if e.locked] if desk.layout else []
        settings = {"seed": seed, "variety": float(variety), "locked": locked, "use_ccm": not without_ccm}
        return self.backend.plan(prompt, **settings, negative_prompt=negative)

    def plan(
        self,
        prompt: str,
        negative: str,
        seed: Any,
        randomise: bool,
        variety: float,
        without_ccm: bool,
        desk: Desk,
        draft: bool,
    ) -> Generator[Values, None, None]:
        """Plan only. Yields view, status, seed and the stale note."""
        chosen = seed_for(seed, randomise)
        if not self.backend.ready and not self.backend.error:
            yield (*skips(VIEW), render.message("Loading the weights", "a few seconds"), gr.skip(), gr.skip())
        try:
            began = time.perf_counter()
            desk = desk.put(self.make_plan(prompt, negative, chosen, variety, without_ccm, desk))
            took = render.message("Planned", f"{(time.perf_counter() - began) * 1000:.0f} ms · seed {chosen}")
            yield (*self.view(desk, None, draft), took, chosen, "")
        except Exception as e:
            yield (*skips(VIEW), render.message("Not planned", warn(e)), gr.skip(), gr.skip())

    def replan(
        self, prompt: str, negative: str, variety: float, without_ccm: bool, desk: Desk, draft: bool
    ) -> Generator[Values, None, None]:
        """Plan again with a new seed; what is locked stays. Yields as `plan` does."""
        yield from self.plan(prompt, negative, None, True, variety, without_ccm, desk, draft)

    # -- drawing ------------------------------------------------------------------------------------------------------

    def draw(
        self, desk: Desk, seed: Any, randomise: bool, images: int, steps: float, guidance: float, start: float,
        size: int, without_ccm: bool, without_guidance: bool, request: gr.Request | None = None,
    ) -> Generator[Values, None, None]:  # fmt: skip
        """Draw the plan as it stands; never plans. Yields stage, status, seed, stop and draw button."""
        began = self.stops.begin(session_of(request))
        if desk.layout is None:
            off = gr.Button(interactive=False)
            yield (gr.skip(), render.message("Not drawn", warn(BadLayout(NO_PLAN))), gr.skip(), off, gr.skip())
            return
        settings = drawing_settings(
            seed_for(seed, randomise), images, steps, guidance, start, size, without_ccm, without_guidance
        )
        with closing(self.drawing(desk.layout, settings, session_of(request), began)) as drawing:
            yield from drawing

    def drawing(
        self, layout: Layout, settings: dict[str, Any], session: str, asked: float
    ) -> Generator[Values, None, None]:
        """The outputs of `draw`, one per report of the pipeline; closing it stops the pipeline.

        Args:
            asked: when the work of the session began, as `Stops.begin` gave it.
        """
        seed, began, shown = settings["seed"], time.perf_counter(), 0.0
        yield (gr.skip(), render.message("Getting ready"), seed, gr.Button(interactive=True), gr.skip())
        try:
            with closing(self.backend.stream(layout, settings)) as stream:
                for report in stream:
                    if self.stops.since(session, asked):
                        yield (gr.skip(), self.stops.said, gr.skip(), gr.Button(interactive=False), gr.skip())
                        return
                    if report.stage == "done":
                        yield self.finished(layout, settings, report, time.perf_counter() - began)
                    elif time.perf_counter() - shown >= PREVIEW_S or report.step == 0:
                        shown = time.perf_counter()
                        picture = render.stage(report.images, alt=render.alt(layout)) if report.images else gr.skip()
                        yield (picture, render.progress(report), *skips(3))
        except Exception as e:
            yield (gr.skip(), render.message("Not drawn", warn(e)), gr.skip(), gr.Button(interactive=False), gr.skip())

    def finished(self, layout: Layout, settings: dict[str, Any], report: Progress, seconds: float) -> Values:
        """The last outputs of a drawing: PNG files that carry their layout and settings."""
        seed = settings["seed"]
        info = {k: v for k, v in settings.items() if k not in ("seed", "previews", "images")}
        uris = [
            render.data_uri(image, "png", {"seed": seed + k, "settings": info, "layout": layout.to_dict()})
            for k, image in enumerate(report.images)
        ]
        return (
            render.stage(uris=uris, alt=render.alt(layout), seed=seed),
            render.done(seconds, len(uris), settings["steps"], seed),
            seed,
            gr.Button(interactive=False),
            gr.Button("Draw again"),
        )

    def plan_and_draw(
        self, prompt: str, negative: str, seed: Any, randomise: bool, variety: float, without_ccm: bool, desk: Desk,
        draft: bool, images: int, steps: float, guidance: float, start: float, size: int, without_guidance: bool,
        request: gr.Request | None = None,
    ) -> Generator[Values, None, None]:  # fmt: skip
        """Plan, show the plan, then draw it with the same seed. Yields view, stage, status, seed, stop, draw, note."""
        began = self.stops.begin(session_of(request))
        chosen = seed_for(seed, randomise)
        waiting = "Planning" if self.backend.ready or self.backend.error else "Loading the weights"
        yield (*skips(VIEW), gr.skip(), render.message(waiting), gr.skip(), gr.Button(interactive=True), *skips(2))
        try:
            layout = self.make_plan(prompt, negative, chosen, variety, without_ccm, desk)
        except Exception as e:
            off = gr.Button(interactive=False)
            yield (*skips(VIEW), gr.skip(), render.message("Not planned", warn(e)), gr.skip(), off, *skips(2))
            return
        view = self.view(desk.put(layout), None, draft)
        yield (*view, gr.skip(), render.message("Planned"), chosen, *skips(2), "")
        settings = drawing_settings(chosen, images, steps, guidance, start, size, without_ccm, without_guidance)
        with closing(self.drawing(layout, settings, session_of(request), began)) as drawing:
            for values in drawing:
                yield (*skips(VIEW), *values, gr.skip())


# -- the page ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Page:
    """The components that the wiring needs."""

    prompt: gr.Textbox
    negative: gr.Textbox
    go: gr.Button
    plan_only: gr.Button
    chips: gr.Examples
    understood: gr.HTML
    stale: gr.HTML
    kept: gr.HTML
    link: gr.HTML
    stage: gr.HTML
    status: gr.HTML
    draw: gr.Button
    stop: gr.Button
    about: gr.Button
    read: readback.Part
    settings: components.Settings
    editor: Part

    @property
    def desk(self) -> gr.State:
        return self.editor.desk

    @property
    def draft(self) -> gr.State:
        return self.editor.draft

    @property
    def view(self) -> list[Any]:
        return self.editor.view

    @property
    def planning(self) -> list[Any]:
        """The inputs of `Handlers.plan_and_draw`."""
        s = self.settings
        first = [self.prompt, self.negative, s.seed, s.randomise, s.variety, s.without_ccm, self.desk, self.draft]
        return [*first, s.images, s.steps, s.guidance, s.start, s.size, s.without_guidance]

    @property
    def planned(self) -> list[Any]:
        """The outputs of `Handlers.plan_and_draw`."""
        return [*self.view, *self.drawn, self.stale]

    @property
    def drawn(self) -> list[Any]:
        return [self.stage, self.status, self.settings.seed, self.stop, self.draw]


def build(handlers: Handlers, demo: gr.Blocks) -> Page:
    """The tab, inside an open `gr.Tab` of `demo`; its components, for a tab that goes on with the picture."""
    page = _page(handlers)
    demo.load(
        handlers.live, [page.prompt, page.negative, page.desk], [page.understood, page.stale], **PRIVATE, queue=False
    )
    _public_api(page, Api(handlers.backend))  # first, so that the public functions get their plain names
    _wire_plan(page, handlers)
    _wire_draw(page, handlers)
    plan_editor.wire(page.editor, handlers.editor)
    _wire_keeping(page, Keeper(handlers.editor), demo)
    return page


def _page(handlers: Handlers) -> Page:
    states = plan_editor.states()
    with gr.Column(elem_id="desk"):
        with gr.Column(elem_classes="card", elem_id="step-1"):
            one = _prompt_card()
        with gr.Column(elem_classes="card", elem_id="step-2"):
            two = plan_editor.plan_card(handlers.backend)
            stale, kept = (gr.HTML("", js_on_load=None, elem_id=name) for name in ("stale", "kept"))
        with gr.Column(elem_classes="card", elem_id="step-3"):
            three = _draw_card(handlers)
        with gr.Column(elem_classes="card", elem_id="step-read"):
            read = readback.Part(**three.pop("read"), **readback.card(), state=gr.State(None))
        with gr.Column(elem_classes="card", elem_id="step-edit"):
            four = plan_editor.table_card()
    return Page(**one, **three, read=read, stale=stale, kept=kept, editor=Part(**states, **two, **four))


def _prompt_card() -> dict[str, Any]:
    components.heading(1, "Prompt", "what to show and what to say")
    first = components.examples()[0][1]
    prompt = gr.Textbox(
        first,
        label="Prompt",
        show_label=False,
        container=False,
        lines=1,
        max_lines=8,
        max_length=MAX_PROMPT,
        autofocus=True,
        placeholder="A poster with a rocket that says 'Space Camp' on a navy blue background",
        elem_id="prompt",
    )
    with gr.Row(elem_classes="row-tools"):
        go = gr.Button("Plan and draw", variant="primary", elem_id="go", elem_classes="grow")
        plan_only = gr.Button("Plan layout", elem_id="plan-only", elem_classes="grow")
    negative = gr.Textbox(
        "",
        label="Negative prompt",
        info="What the plan leaves out or avoids: things, colours, fonts, styles",
        lines=1,
        max_lines=4,
        max_length=MAX_PROMPT,
        placeholder="balloons, red, serif font, stripes",
        elem_id="negative-prompt",
    )
    labels, prompts = zip(*components.examples(), strict=True)
    chips = gr.Examples(
        [[p] for p in prompts],
        inputs=[prompt],
        example_labels=list(labels),
        label="Try one of these",
        api_visibility="private",
        elem_id="examples",
    )
    understood = gr.HTML(f'<p class="hint">{EMPTY}</p>', js_on_load=None, elem_id="understood")
    return {
        "prompt": prompt,
        "negative": negative,
        "go": go,
        "plan_only": plan_only,
        "chips": chips,
        "understood": understood,
    }


def _draw_card(handlers: Handlers) -> dict[str, Any]:
    components.heading(3, "Draw", "step by step, from the plan")
    stage = readback.stage()
    status = gr.HTML(render.message("Ready"), js_on_load=None, elem_id="status", elem_classes=LINE)
    with gr.Row(elem_classes="row-tools"):
        draw = gr.Button("Draw", elem_id="draw", elem_classes="grow")
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="stop", elem_classes="grow")
    about = gr.Button("Ask about the picture", size="sm", elem_id="ask-about")
    link = gr.HTML("", js_on_load=theme.script("keep.js"), elem_id="link")
    made = {"stage": stage, "status": status, "draw": draw, "stop": stop, "about": about, "link": link}
    made["read"] = readback.summary()
    return {**made, "settings": components.settings(handlers.backend.how)}


def _wire_plan(page: Page, do: Handlers) -> None:
    typed = [page.prompt, page.negative]
    live: dict[str, Any] = {"fn": do.live, "inputs": [*typed, page.desk], "outputs": [page.understood, page.stale]}
    gr.on([t.change for t in typed], **live, **PRIVATE, queue=False, trigger_mode="always_last")
    s = page.settings
    inputs = [*typed, s.seed, s.randomise, s.variety, s.without_ccm, page.desk, page.draft]
    outputs = [*page.view, page.status, s.seed, page.stale]
    asked = [page.plan_only.click, page.prompt.submit, page.negative.submit]
    gr.on(asked, do.plan, inputs, outputs, **in_line(page.status))
    gr.on([*asked, page.go.click], None, None, None, js=SHOW % "step-2", **PRIVATE)
    page.chips.load_input_event.then(do.plan, inputs, outputs, **in_line(page.status))
    again = [*typed, s.variety, s.without_ccm, page.desk, page.draft]
    page.editor.plan.replan(do.replan, again, outputs, **in_line(page.status))
    page.chips.load_input_event.then(None, None, None, js=SHOW % "step-2", **PRIVATE)


def _wire_draw(page: Page, do: Handlers) -> None:
    s = page.settings
    how = [s.images, s.steps, s.guidance, s.start, s.size]
    gr.on([page.draw.click, page.go.click], None, None, page.stop, js=CAN_STOP, **PRIVATE)  # one follows the other
    drawing = page.draw.click(
        do.draw,
        [page.desk, s.seed, s.randomise, *how, s.without_ccm, s.without_guidance],
        page.drawn,
        **in_line(page.status),
    )
    both = page.go.click(do.plan_and_draw, page.planning, page.planned, **in_line(page.status))
    for event in (drawing, both):
        event.failure(None, None, page.stop, js=NO_STOP, **PRIVATE)
    both.success(None, None, None, js=SHOW % "step-3", **PRIVATE)
    page.stop.click(None, None, None, cancels=[drawing, both], **PRIVATE)  # first: one follows the other
    page.stop.click(do.stops.stopped, None, [page.status, page.stop], trigger_mode="multiple", **PRIVATE)
    readback.wire(page.read, page.stage, readback.Readings(do.backend), [drawing, both])


def _wire_keeping(page: Page, do: Keeper, demo: gr.Blocks) -> None:
    """The browser remembers prompt, plan and settings; a link, a picture and a layout bring them back."""
    s, editor = page.settings, page.editor
    memory = gr.BrowserState(None, storage_key="vlad-work", secret="vlad-work")  # not to hide it: it must stay readable
    values = [s.seed, s.images, s.steps, s.guidance, s.start, s.size, s.variety, s.without_ccm, s.without_guidance]
    typed = [page.prompt, page.negative]
    restored = [*page.view, *typed, *values, s.randomise, page.kept]
    demo.load(do.arrived, [memory, page.draft], restored, **PRIVATE)
    editor.upload.upload(do.opened, [editor.upload, page.desk, page.draft], restored, **PRIVATE)
    changed = [page.desk.change, *(v.change for v in (*typed, *values))]
    keeping: dict[str, Any] = {"queue": False, "trigger_mode": "always_last"}
    gr.on(changed, do.keep, [*typed, page.desk, *values], [memory, page.link], **PRIVATE, **keeping)
    gr.on(
        [page.go.click, page.plan_only.click, *(t.submit for t in typed)],
        lambda: "",
        None,
        page.kept,
        **PRIVATE,
        queue=False,
    )


def _public_api(page: Page, do: Api) -> None:
    """The five public functions, on hidden components with files and JSON as results."""
    s = page.settings
    how = [s.seed, s.images, s.steps, s.guidance, s.start, s.size]
    with gr.Column(visible=False):
        button, layout, result = gr.Button(), gr.JSON(label="layout"), gr.JSON(label="result")
        pictures = gr.Gallery(label="pictures", format="png", buttons=["download"])
        best_of = gr.Number(1, label="best_of", precision=0)
        image = components.unopened(gr.Image(label="image", buttons=[]))
    ablations = [s.without_ccm, s.without_guidance]
    button.click(do.understand, page.prompt, result, api_name="understand")
    button.click(
        do.plan, [page.prompt, s.seed, s.variety, s.without_ccm, page.negative], result, api_name="plan", **MODEL
    )
    button.click(do.draw, [layout, *how, *ablations], [pictures, result], api_name="draw", **MODEL)
    button.click(
        do.generate,
        [page.prompt, *how, s.variety, *ablations, best_of, page.negative],
        [pictures, result],
        api_name="generate",
        **MODEL,
    )
    button.click(do.read_back, [image, layout], result, api_name="read_back", **MODEL)
