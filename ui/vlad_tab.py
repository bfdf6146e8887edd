"""Tab "Draw": prompt, plan, picture. The handlers are plain functions of `Handlers`; `build` wires them to the page."""

from __future__ import annotations

import dataclasses
import json
import logging
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import BadLayout, UserError
from pipelines.types import KINDS, Layout, Progress
from ui import components, editing, render
from ui.api import Api, drawing_settings
from ui.backend import GENERAL, NO_CHAT, Backend
from ui.editing import Desk

log = logging.getLogger(__name__)
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
ECHO_S = 1.5  # seconds in which the same refusal of a table is told once
KEEP_S = 3600  # seconds that an exported layout stays on the disk
PREVIEW_S = 0.15  # least seconds between two previews, so that the page stays responsive
STOPPED = ("Stopped", "press Draw to start again")
LATE_S = (0.7, 1.3, 2.0)  # seconds between sayings of "Stopped": a report on its way may arrive late on a busy machine
MAX_FILE = 1 << 20  # bytes of an imported layout
MAX_PROMPT = 2000  # characters, as in pipelines.vlad.prompt
VIEW = 6  # outputs of Handlers.view: desk, plan, notes, table, chooser, export
DRAWN = 5  # outputs of Handlers.draw: stage, status, seed, stop, draw
EMPTY = "Write a prompt to see how it is understood: texts in quotes, objects, colours, the background."
MAX_RANDOM = 10**6  # a seed that is short enough to write down
NO_PLAN = "There is no plan yet; write a prompt and press “Plan layout” first."
STALE = "The prompt has changed since this plan; plan again to follow it, or draw the plan as it is."

# On a narrow page the steps stand below each other: show the one that something happens in.
SHOW = """() => { const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (innerWidth < 760) document.getElementById("%s").scrollIntoView({ behavior: calm ? "auto" : "smooth" }); }"""

Values = tuple[Any, ...]


def session_of(request: gr.Request | None) -> str:
    """Whose request it is; "" outside a server."""
    return (request.session_hash or "") if request is not None else ""


def skips(n: int) -> Values:
    """n outputs left as they are."""
    return tuple(gr.skip() for _ in range(n))


def seed_for(seed: Any, randomise: bool) -> int:
    """The seed to use: a fresh random one, or the one in the field (0 when it is empty)."""
    return secrets.randbelow(MAX_RANDOM) if randomise else int(seed or 0)


def warn(error: Exception) -> str:
    """Tell the visitor in one sentence, log what is unexpected, and return the sentence."""
    if not isinstance(error, UserError):
        log.error("unexpected error in a handler", exc_info=error)
    sentence = str(error) if isinstance(error, UserError) else GENERAL
    gr.Warning(sentence, title="Please check")
    return sentence


class Handlers:
    """What happens when a visitor does something; nothing here keeps state of a visitor.

    Args:
        backend: the pipeline and the parts that work without weights.
        folder: where exported layouts are written; a temporary one by default.
    """

    def __init__(self, backend: Backend, folder: Path | None = None) -> None:
        self.backend = backend
        self.stops: dict[str, float] = {}  # session -> when Stop was pressed last
        self._own = tempfile.TemporaryDirectory(prefix="vlad-layouts-")  # removed when the process ends
        self.folder = folder or Path(self._own.name)

    # -- showing ------------------------------------------------------------------------------------------------------

    def view(self, desk: Desk, selected: int | None = None, draft: bool = False) -> Values:
        """desk, plan, notes, table, chooser and export of a desk, in the order of the outputs."""
        layout = desk.layout
        return (
            desk,
            self.plan_html(desk, selected, draft),
            render.notes(layout.warnings) if layout else "",
            editing.rows_of(layout),
            components.chooser(layout, selected),
            self.export(layout),
        )

    def plan_html(self, desk: Desk, selected: int | None, draft: bool) -> str:
        """The plan as SVG over its colours, with sketched objects where the draft is wanted and can be made."""
        layout = desk.layout
        if layout is None:
            return render.plan(None)
        if draft:
            try:
                return render.plan(layout, self.backend.pipeline().draft(layout), named=False, selected=selected)
            except UserError:
                pass  # the weights are not there, as the page says already: the flat plan serves
            except Exception as e:
                warn(e)
        return render.plan(layout, self.backend.canvas(layout), selected=selected)

    def export(self, layout: Layout | None) -> Any:
        """The download button with the layout as a JSON file."""
        if layout is None:
            return gr.DownloadButton(value=None, interactive=False)
        self.tidy()
        path = Path(tempfile.mkdtemp(dir=self.folder)) / "layout.json"
        path.write_text(json.dumps(layout.to_dict(), indent=1, ensure_ascii=False), "utf-8")
        return gr.DownloadButton(value=str(path), interactive=True)

    def tidy(self) -> None:
        """Remove exported layouts older than KEEP_S seconds."""
        for old in self.folder.iterdir():
            if time.time() - old.stat().st_mtime > KEEP_S:
                shutil.rmtree(old, ignore_errors=True)

    def live(self, prompt: str, desk: Desk) -> tuple[str, str]:
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
        planned = desk.layout.prompt if desk.layout else ""
        return render.understanding(read), render.notes([STALE]) if planned and planned != read.prompt else ""

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
        """What the model cache holds, and the device with its reason."""
        slots = (self.backend.drawing, self.backend.chatting)
        waiting = [s.error or "Some weights are still being loaded." for s in slots if not s.ready]
        notes, cache = render.notes(dict.fromkeys(waiting)), self.backend.cache()
        return notes if cache is None else render.loaded(cache.stats(), self.backend.device()) + notes

    # -- planning -----------------------------------------------------------------------------------------------------

    def make_plan(self, prompt: str, seed: int, variety: float, without_ccm: bool, desk: Desk) -> Layout:
        """A new plan around the locked elements of the one on the desk."""
        locked = [e for e in desk.layout.elements if e.locked] if desk.layout else []
        return self.backend.pipeline().plan(
            prompt, seed=seed, variety=float(variety), locked=locked, use_ccm=not without_ccm
        )

    def plan(
        self, prompt: str, seed: Any, randomise: bool, variety: float, without_ccm: bool, desk: Desk, draft: bool
    ) -> Generator[Values, None, None]:
        """Plan only. Yields view, status, seed and the stale note."""
        chosen = seed_for(seed, randomise)
        if not self.backend.ready and not self.backend.error:
            yield (*skips(VIEW), render.message("Loading the weights", "a few seconds"), gr.skip(), gr.skip())
        try:
            began = time.perf_counter()
            desk = desk.put(self.make_plan(prompt, chosen, variety, without_ccm, desk))
            took = render.message("Planned", f"{(time.perf_counter() - began) * 1000:.0f} ms · seed {chosen}")
            yield (*self.view(desk, None, draft), took, chosen, "")
        except Exception as e:
            yield (*skips(VIEW), render.message("Not planned", warn(e)), gr.skip(), gr.skip())

    # -- drawing ------------------------------------------------------------------------------------------------------

    def draw(
        self, desk: Desk, seed: Any, randomise: bool, images: int, steps: float, guidance: float, start: float,
        without_ccm: bool, without_guidance: bool, request: gr.Request | None = None,
    ) -> Generator[Values, None, None]:  # fmt: skip
        """Draw the plan as it stands; never plans. Yields stage, status, seed, stop and draw button."""
        if desk.layout is None:
            yield (gr.skip(), render.message("Not drawn", warn(BadLayout(NO_PLAN))), *skips(3))
            return
        settings = drawing_settings(
            seed_for(seed, randomise), images, steps, guidance, start, without_ccm, without_guidance
        )
        yield from self.drawing(desk.layout, settings, session_of(request))

    def drawing(self, layout: Layout, settings: dict[str, Any], session: str = "") -> Generator[Values, None, None]:
        """The outputs of `draw`, one per report of the pipeline; closing it stops the pipeline."""
        seed, began, shown = settings["seed"], time.perf_counter(), 0.0
        yield (gr.skip(), render.message("Getting ready"), seed, gr.Button(interactive=True), gr.skip())
        try:
            with closing(self.backend.stream(layout, settings)) as stream:
                for report in stream:
                    if self.stops.get(session, 0.0) > began:
                        yield (gr.skip(), render.message(*STOPPED), gr.skip(), gr.Button(interactive=False), gr.skip())
                        return
                    if report.stage == "done":
                        yield self.finished(layout, settings, report, time.perf_counter() - began)
                    elif time.perf_counter() - shown >= PREVIEW_S or report.step == 0:
                        shown = time.perf_counter()
                        picture = render.stage(report.images, alt=_alt(layout)) if report.images else gr.skip()
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
            render.stage(uris=uris, alt=_alt(layout), seed=seed),
            render.done(seconds, len(uris), settings["steps"], seed),
            seed,
            gr.Button(interactive=False),
            gr.Button("Draw again"),
        )

    def plan_and_draw(
        self, prompt: str, seed: Any, randomise: bool, variety: float, without_ccm: bool, desk: Desk, draft: bool,
        images: int, steps: float, guidance: float, start: float, without_guidance: bool,
        request: gr.Request | None = None,
    ) -> Generator[Values, None, None]:  # fmt: skip
        """Plan, show the plan, then draw it with the same seed. Yields view, stage, status, seed, stop, draw, note."""
        chosen = seed_for(seed, randomise)
        waiting = "Planning" if self.backend.ready or self.backend.error else "Loading the weights"
        yield (*skips(VIEW), gr.skip(), render.message(waiting), gr.skip(), gr.Button(interactive=True), *skips(2))
        try:
            layout = self.make_plan(prompt, chosen, variety, without_ccm, desk)
        except Exception as e:
            off = gr.Button(interactive=False)
            yield (*skips(VIEW), gr.skip(), render.message("Not planned", warn(e)), gr.skip(), off, *skips(2))
            return
        view = self.view(desk.put(layout), None, draft)
        yield (*view, gr.skip(), render.message("Planned"), chosen, *skips(2), "")
        settings = drawing_settings(chosen, images, steps, guidance, start, without_ccm, without_guidance)
        with closing(self.drawing(layout, settings, session_of(request))) as drawing:
            for values in drawing:
                yield (*skips(VIEW), *values, gr.skip())

    def stopped(self, request: gr.Request) -> Generator[Values, None, None]:
        """What the status says after Stop; said again as reports that were on their way may have arrived."""
        self.stops[session_of(request)] = time.perf_counter()
        said = render.message(*STOPPED)
        yield said, gr.Button(interactive=False)
        for pause in LATE_S:
            time.sleep(pause)
            yield said, gr.skip()

    # -- editing ------------------------------------------------------------------------------------------------------

    def edit(self, change: Callable[[Layout], Layout], desk: Desk, selected: Any, draft: bool) -> Values:
        """The view after `change`, or of the old plan with a sentence when the change is not possible."""
        try:
            if desk.layout is None:
                raise BadLayout(NO_PLAN)
            layout = change(desk.layout)
            if layout != desk.layout:
                desk = desk.put(dataclasses.replace(layout, warnings=self.backend.warnings(layout)))
        except Exception as e:
            warn(e)
        return self.view(desk, selected if isinstance(selected, int) else None, draft)

    def edit_table(self, rows: Sequence[Sequence[Any]], desk: Desk, selected: Any, draft: bool) -> Values:
        """Redraw the boxes from the edited table; a bad cell keeps the old plan.

        The table reports one edit twice, so the same refusal within ECHO_S seconds is told once.
        """
        told, when = desk.refused
        if told == repr(rows) and time.monotonic() - when < ECHO_S:
            return self.view(desk, _index(selected), draft)
        values = self.edit(
            lambda layout: editing.layout_from_rows(rows, layout, self.backend.fonts()), desk, selected, draft
        )
        if values[0] is desk:
            refused = dataclasses.replace(desk, refused=(repr(rows), time.monotonic()))
            return (refused, *values[1:])
        return values

    def move(self, desk: Desk, draft: bool, event: gr.EventData) -> Values:
        """Put a dragged box where it was dropped. The event comes from the browser, so it is checked."""
        index, box = _index(getattr(event, "index", None)), getattr(event, "box", None)
        return self.edit(lambda layout: editing.place(layout, index, box), desk, index, draft)

    def pick(self, desk: Desk, draft: bool, event: gr.EventData) -> tuple[str, Any]:
        """Mark the box that was clicked, in the plan and in the dropdown."""
        return self.mark(desk, draft, _index(getattr(event, "index", None)))

    def pick_row(self, desk: Desk, draft: bool, event: gr.SelectData) -> tuple[str, Any]:
        """Mark the element whose row was clicked."""
        return self.mark(desk, draft, _index(event.index[0] if isinstance(event.index, (list, tuple)) else None))

    def mark(self, desk: Desk, draft: bool, selected: Any) -> tuple[str, Any]:
        """Plan and dropdown with one element marked."""
        index = _index(selected)
        return self.plan_html(desk, index, draft), components.chooser(desk.layout, index)

    def highlight(self, desk: Desk, draft: bool, selected: Any) -> str:
        """The plan with the element chosen in the dropdown marked."""
        return self.plan_html(desk, _index(selected), draft)

    def add(self, kind: Any, desk: Desk, draft: bool) -> Values:
        """A new element; on an empty desk a plain white background comes with it."""
        if desk.layout is None:
            desk = Desk(editing.blank())
        count = len(desk.layout.elements) if desk.layout else 0
        return self.edit(lambda layout: editing.add(layout, kind, self.backend.fonts()), desk, count, draft)

    def duplicate(self, desk: Desk, selected: Any, draft: bool) -> Values:
        """A copy of the chosen element."""
        return self.edit(lambda layout: editing.duplicate(layout, _chosen(selected)), desk, _index(selected) + 1, draft)

    def delete(self, desk: Desk, selected: Any, draft: bool) -> Values:
        """The plan without the chosen element."""
        return self.edit(lambda layout: editing.delete(layout, _chosen(selected)), desk, None, draft)

    def undo(self, desk: Desk, draft: bool) -> Values:
        """The plan before the last change."""
        return self.view(desk.undo(), None, draft)

    def redo(self, desk: Desk, draft: bool) -> Values:
        """The plan before the last undo."""
        return self.view(desk.redo(), None, draft)

    def load(self, path: str | None, desk: Desk, draft: bool) -> Values:
        """Import an exported layout. Gives the view and the prompt; a bad file keeps the old plan."""
        try:
            layout = editing.checked(Layout.from_json(_read(path)), self.backend.fonts())
            layout = dataclasses.replace(layout, warnings=self.backend.warnings(layout))
            return (*self.view(desk.put(layout), None, draft), layout.prompt or gr.skip())
        except Exception as e:
            warn(e)
            return skips(VIEW + 1)


def _alt(layout: Layout) -> str:
    texts = ", ".join(f"“{t.text}”" for t in layout.texts)
    return f"Picture drawn from: {layout.prompt}" if layout.prompt else f"Picture with the texts {texts}"


def _index(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _chosen(value: Any) -> int:
    if _index(value) < 0:
        raise BadLayout("No element is chosen; click a box or choose one in the list first.")
    return _index(value)


def _read(path: str | None) -> str:
    """The text of an uploaded file.

    Raises:
        BadLayout: no file, larger than MAX_FILE, or not UTF-8.
    """
    if not path:
        raise BadLayout("No file arrived; choose an exported layout again.")
    file = Path(path)
    if file.stat().st_size > MAX_FILE:
        raise BadLayout("The layout file is larger than 1 MB; export one to see its form.")
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as e:
        raise BadLayout("The layout file is not UTF-8 text; export one to see its form.") from e


# -- the page ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Page:
    """The components that the wiring needs."""

    prompt: gr.Textbox
    go: gr.Button
    plan_only: gr.Button
    chips: gr.Examples
    understood: gr.HTML
    stale: gr.HTML
    plan: gr.HTML
    notes: gr.HTML
    draft: gr.Checkbox
    undo: gr.Button
    redo: gr.Button
    upload: gr.UploadButton
    export: gr.DownloadButton
    stage: gr.HTML
    status: gr.HTML
    draw: gr.Button
    stop: gr.Button
    about: gr.Button
    settings: components.Settings
    chooser: gr.Dropdown
    adders: dict[str, gr.Button]
    duplicate: gr.Button
    delete: gr.Button
    table: gr.Dataframe
    desk: gr.State

    @property
    def view(self) -> list[Any]:
        return [self.desk, self.plan, self.notes, self.table, self.chooser, self.export]

    @property
    def drawn(self) -> list[Any]:
        return [self.stage, self.status, self.settings.seed, self.stop, self.draw]


def build(handlers: Handlers, demo: gr.Blocks) -> Page:
    """The tab, inside an open `gr.Tab` of `demo`; its components, for a tab that goes on with the picture."""
    page = _page()
    demo.load(handlers.live, [page.prompt, page.desk], [page.understood, page.stale], **PRIVATE, queue=False)
    _public_api(page, Api(handlers.backend))  # first, so that the public functions get their plain names
    _wire_plan(page, handlers)
    _wire_draw(page, handlers)
    _wire_edits(page, handlers)
    return page


def _page() -> Page:
    desk = gr.State(Desk())
    with gr.Column(elem_id="desk"):
        with gr.Column(elem_classes="card", elem_id="step-1"):
            one = _prompt_card()
        with gr.Column(elem_classes="card", elem_id="step-2"):
            two = _plan_card()
        with gr.Column(elem_classes="card", elem_id="step-3"):
            three = _draw_card()
        with gr.Column(elem_classes="card", elem_id="step-edit"):
            four = _edit_card()
    return Page(**one, **two, **three, **four, desk=desk)


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
    return {"prompt": prompt, "go": go, "plan_only": plan_only, "chips": chips, "understood": understood}


def _plan_card() -> dict[str, Any]:
    components.heading(2, "Plan layout", "drag, resize, or edit the table")
    plan = components.boxes(render.plan(None))
    with gr.Row(elem_classes="row-tools"):
        draft = gr.Checkbox(True, label="Show draft", elem_id="draft", container=False)
        undo = gr.Button("Undo", size="sm", elem_id="undo")
        redo = gr.Button("Redo", size="sm", elem_id="redo")
    stale = gr.HTML("", js_on_load=None, elem_id="stale")
    notes = gr.HTML("", js_on_load=None, elem_id="notes")
    tools = _element_tools()
    with gr.Row(elem_classes="row-tools"):
        upload = gr.UploadButton("Import JSON", size="sm", file_types=[".json"], elem_id="import")
        export = gr.DownloadButton("Export JSON", size="sm", interactive=False, elem_id="export")
    tools |= {"undo": undo, "redo": redo, "upload": upload, "export": export}
    return {"plan": plan, "draft": draft, "stale": stale, "notes": notes, **tools}


def _element_tools() -> dict[str, Any]:
    with gr.Row(elem_classes="row-tools"):
        adders = {k: gr.Button(f"Add {k}", size="sm", elem_id=f"add-{k}") for k in ("text", "object", "panel")}
    with gr.Row(elem_classes="row-tools"):
        chooser = components.chooser()
        duplicate = gr.Button("Duplicate", size="sm", elem_id="duplicate")
        delete = gr.Button("Delete", size="sm", elem_id="delete")
    return {"chooser": chooser, "duplicate": duplicate, "delete": delete, "adders": adders}


def _draw_card() -> dict[str, Any]:
    components.heading(3, "Draw", "step by step, from the plan")
    stage = gr.HTML(render.stage(), js_on_load=None, elem_id="stage")
    status = gr.HTML(render.message("Ready"), js_on_load=None, elem_id="status")
    with gr.Row(elem_classes="row-tools"):
        draw = gr.Button("Draw", elem_id="draw", elem_classes="grow")
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="stop", elem_classes="grow")
    about = gr.Button("Ask about the picture", size="sm", elem_id="ask-about")
    settings = components.settings()
    return {"stage": stage, "status": status, "draw": draw, "stop": stop, "about": about, "settings": settings}


def _edit_card() -> dict[str, Any]:
    components.heading(2, "Edit the plan", "every number of it; the boxes follow")
    table = components.table()
    gr.HTML(
        '<p class="hint">Boxes run from x0, y0 (left, top) to x1, y1, each from 0 to 1. A colour is #rrggbb or a name,'
        " a font is its id or a category such as serif. Locked elements stay where they are when you plan again.</p>",
        js_on_load=None,
    )
    return {"table": table}


def _wire_plan(page: Page, do: Handlers) -> None:
    live: dict[str, Any] = {"fn": do.live, "inputs": [page.prompt, page.desk], "outputs": [page.understood, page.stale]}
    page.prompt.change(**live, **PRIVATE, queue=False, trigger_mode="always_last")
    s = page.settings
    inputs = [page.prompt, s.seed, s.randomise, s.variety, s.without_ccm, page.desk, page.draft]
    outputs = [*page.view, page.status, s.seed, page.stale]
    asked = [page.plan_only.click, page.prompt.submit]
    gr.on(asked, do.plan, inputs, outputs, **PRIVATE, **MODEL)
    gr.on([*asked, page.go.click], None, None, None, js=SHOW % "step-2", **PRIVATE)
    page.chips.load_input_event.then(do.plan, inputs, outputs, **PRIVATE, **MODEL)
    page.chips.load_input_event.then(None, None, None, js=SHOW % "step-2", **PRIVATE)


def _wire_draw(page: Page, do: Handlers) -> None:
    s = page.settings
    how = [s.images, s.steps, s.guidance, s.start]
    drawing = page.draw.click(
        do.draw,
        [page.desk, s.seed, s.randomise, *how, s.without_ccm, s.without_guidance],
        page.drawn,
        **PRIVATE,
        **MODEL,
    )
    both = page.go.click(
        do.plan_and_draw,
        [page.prompt, s.seed, s.randomise, s.variety, s.without_ccm, page.desk, page.draft, *how, s.without_guidance],
        [*page.view, *page.drawn, page.stale],
        **PRIVATE,
        **MODEL,
    )
    both.success(None, None, None, js=SHOW % "step-3", **PRIVATE)
    page.stop.click(do.stopped, None, [page.status, page.stop], cancels=[drawing, both], **PRIVATE)


def _wire_edits(page: Page, do: Handlers) -> None:
    desk, draft, chosen = page.desk, page.draft, page.chooser
    marked = [page.plan, chosen]
    page.table.input(do.edit_table, [page.table, desk, chosen, draft], page.view, **PRIVATE)
    page.table.select(do.pick_row, [desk, draft], marked, **PRIVATE)
    page.plan.apply(do.move, [desk, draft], page.view, **PRIVATE)
    page.plan.select(do.pick, [desk, draft], marked, **PRIVATE)
    gr.on([chosen.input, draft.input], do.highlight, [desk, draft, chosen], page.plan, **PRIVATE)
    for kind, button in page.adders.items():
        button.click(_adder(do, kind), [desk, draft], page.view, **PRIVATE)
    page.duplicate.click(do.duplicate, [desk, chosen, draft], page.view, **PRIVATE)
    page.delete.click(do.delete, [desk, chosen, draft], page.view, **PRIVATE)
    page.undo.click(do.undo, [desk, draft], page.view, **PRIVATE)
    page.redo.click(do.redo, [desk, draft], page.view, **PRIVATE)
    page.upload.upload(do.load, [page.upload, desk, draft], [*page.view, page.prompt], **PRIVATE)


def _adder(do: Handlers, kind: Any) -> Callable[[Desk, bool], Values]:
    assert kind in KINDS

    def add(desk: Desk, draft: bool) -> Values:
        return do.add(kind, desk, draft)

    return add


def _public_api(page: Page, do: Api) -> None:
    """The four public functions, on hidden components with files and JSON as results."""
    s = page.settings
    how = [s.seed, s.images, s.steps, s.guidance, s.start]
    with gr.Column(visible=False):
        button, layout, result = gr.Button(), gr.JSON(label="layout"), gr.JSON(label="result")
        pictures = gr.Gallery(label="pictures", format="png", buttons=["download"])
    ablations = [s.without_ccm, s.without_guidance]
    button.click(do.understand, page.prompt, result, api_name="understand")
    button.click(do.plan, [page.prompt, s.seed, s.variety, s.without_ccm], result, api_name="plan", **MODEL)
    button.click(do.draw, [layout, *how, *ablations], [pictures, result], api_name="draw", **MODEL)
    button.click(
        do.generate,
        [page.prompt, *how, s.variety, *ablations],
        [pictures, result],
        api_name="generate",
        **MODEL,
    )
