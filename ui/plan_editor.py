"""The plan editor of tab "Draw": what happens to the plan, its part of the page and its wiring.

The truth is the `Desk` of a visitor, kept on the server; every edit answers with the whole view of it. The browser
(`static/editor.js`) tells what was done through one event, "apply", and everything in it is checked here.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import BadLayout, UserError
from pipelines.types import Layout
from ui import components, editing, plan_panel, render
from ui.backend import Backend
from ui.editing import Desk
from ui.handling import PRIVATE, Values, skips, warn

ECHO_S = 1.5  # seconds in which the same refusal of a table is told once
KEEP_S = 3600  # seconds that an exported layout stays on the disk
MAX_FILE = 1 << 20  # bytes of an imported layout
VIEW = 6  # outputs of Editor.view: desk, plan, notes, table, chosen, export
NO_PLAN = "There is no plan yet; write a prompt and press “Plan layout” first."
UNKNOWN = "The page asked for something that does not exist; reload it and try again."
SWAPPED = (
    "Every text of this file stands in a box that is much higher than wide; if that is not meant, x and y are swapped:"
    " a box is [x0, y0, x1, y1]."
)
# Edits of one visitor come one after the other, in the order in which they were made; each takes some milliseconds.
IN_ORDER: dict[str, Any] = {"concurrency_id": "edit", "concurrency_limit": 1, "trigger_mode": "multiple"}


class Editor:
    """What happens when a visitor changes the plan; nothing here keeps state of a visitor.

    Args:
        backend: the pipeline and the parts that work without weights.
        folder: where exported layouts are written; a temporary one by default.
    """

    def __init__(self, backend: Backend, folder: Path | None = None) -> None:
        self.backend = backend
        self._own = tempfile.TemporaryDirectory(prefix="vlad-layouts-")  # removed when the process ends
        self.folder = folder or Path(self._own.name)

    # -- showing ------------------------------------------------------------------------------------------------------

    def view(self, desk: Desk, selected: int | None = None, draft: bool = False) -> Values:
        """desk, plan, notes, table, chosen and export of a desk, in the order of the outputs."""
        layout = desk.layout
        return (
            desk,
            self.plan_html(desk, selected, draft),
            render.notes(layout.warnings) if layout else "",
            editing.rows_of(layout),
            _chosen(layout, selected),
            self.export(layout),
        )

    def plan_html(self, desk: Desk, selected: int | None, draft: bool) -> str:
        """The editor around the plan, over its colours or, where it is wanted and can be made, over its sketched draft.

        Args:
            draft: whether the draft is wanted. It is not waited for: until the weights are there, the colours serve.
        """
        layout, fonts, turn = desk.layout, self.backend.fonts(), time.monotonic_ns()
        if layout is None:
            return plan_panel.editor(desk, None, fonts, turn=turn)
        if draft and self.backend.ready:
            try:
                sketched = self.backend.draft(layout)
                return plan_panel.editor(desk, sketched, fonts, named=False, selected=selected, turn=turn)
            except UserError:
                pass  # the page says already what is missing
            except Exception as e:
                warn(e)
        return plan_panel.editor(desk, self.backend.canvas(layout), fonts, selected=selected, turn=turn)

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

    # -- editing ------------------------------------------------------------------------------------------------------

    def apply(self, desk: Desk, chosen: Any, draft: bool, event: gr.EventData) -> Values:
        """One act in the editor. The event comes from the browser, so anything may be in it."""
        asked = {k: getattr(event, k, None) for k in ("action", "index", "box", "kind", "field", "value")}
        return self.act(desk, chosen, draft, **asked)

    def act(
        self, desk: Desk, chosen: Any, draft: bool, action: Any, index: Any = None, box: Any = None, kind: Any = None,
        field: Any = None, value: Any = None,
    ) -> Values:  # fmt: skip
        """The view after one act.

        Args:
            action: select | place | add | set | lock | duplicate | delete | forward | back | undo | redo.
            index: which element. box: for place and add. kind: for add. field, value: for set.
        """
        i = _index(index)
        if action == "select":
            return self.picked(desk, i, draft)
        if action in ("undo", "redo"):
            return self.view(desk.undo() if action == "undo" else desk.redo(), _index(chosen), draft)
        fonts = self.backend.fonts()
        changes: dict[str, Callable[[Layout], tuple[Layout, int]]] = {
            "place": lambda layout: (editing.place(layout, i, box), i),
            "add": lambda layout: (editing.add(layout, kind, fonts, box), len(layout.elements)),
            "set": lambda layout: (editing.change(layout, i, field, value, fonts), i),
            "lock": lambda layout: (editing.lock(layout, i), i),
            "duplicate": lambda layout: (editing.duplicate(layout, i), i + 1),
            "delete": lambda layout: (editing.delete(layout, i), -1),
            "forward": lambda layout: editing.reorder(layout, i, 1),
            "back": lambda layout: editing.reorder(layout, i, -1),
        }
        change = changes.get(action) if isinstance(action, str) else None
        start = Desk(editing.blank()) if action == "add" and desk.layout is None else desk
        values = self.edit(change or _refused, start, i if i >= 0 else _index(chosen), draft)
        return self.view(desk) if values[0] is start and start is not desk else values

    def edit(self, change: Callable[[Layout], tuple[Layout, int]], desk: Desk, selected: int, draft: bool) -> Values:
        """The view after `change`, which gives the new layout and the chosen element; a refusal keeps the old plan."""
        try:
            if desk.layout is None:
                raise BadLayout(NO_PLAN)
            layout, selected = change(desk.layout)
            if layout != desk.layout:
                desk = desk.put(dataclasses.replace(layout, warnings=self.backend.warnings(layout)))
        except Exception as e:
            warn(e)
        return self.view(desk, selected, draft)

    def picked(self, desk: Desk, index: int, draft: bool) -> Values:
        """The view with one element chosen; the rest stays as it is."""
        plan = self.plan_html(desk, index, draft)
        return (gr.skip(), plan, gr.skip(), gr.skip(), _chosen(desk.layout, index), gr.skip())

    def pick_row(self, desk: Desk, draft: bool, event: gr.SelectData) -> Values:
        """Choose the element whose row was clicked. Gives the plan and the chosen index."""
        row = event.index[0] if isinstance(event.index, (list, tuple)) and event.index else None
        _, plan, _, _, chosen, _ = self.picked(desk, _index(row), draft)
        return plan, chosen

    def backdrop(self, desk: Desk, chosen: Any, event: gr.EventData) -> Values:
        """Whether the sketched draft lies below the boxes from now on, and the plan with or without it."""
        draft = getattr(event, "draft", None) is True
        return draft, self.plan_html(desk, _index(chosen), draft)

    def edit_table(self, rows: Sequence[Sequence[Any]], desk: Desk, selected: Any, draft: bool) -> Values:
        """Redraw the boxes from the edited table; a bad cell keeps the old plan.

        The table reports one edit twice, so the same refusal within ECHO_S seconds is told once.
        """
        told, when = desk.refused
        chosen = _index(selected)
        if told == repr(rows) and time.monotonic() - when < ECHO_S:
            return self.view(desk, chosen, draft)
        fonts = self.backend.fonts()
        values = self.edit(lambda layout: (editing.layout_from_rows(rows, layout, fonts), chosen), desk, chosen, draft)
        if values[0] is desk:
            refused = dataclasses.replace(desk, refused=(repr(rows), time.monotonic()))
            return (refused, *values[1:])
        return values

    def load(self, path: str | None, desk: Desk, draft: bool) -> Values:
        """Import an exported layout. Gives the view and the prompt; a bad file keeps the old plan."""
        try:
            layout = editing.checked(editing.read(_read(path)), self.backend.fonts())
            layout = dataclasses.replace(layout, warnings=self.backend.warnings(layout))
            if editing.swapped(layout):
                gr.Warning(SWAPPED, title="Please check")
            return (*self.view(desk.put(layout), None, draft), layout.prompt or gr.skip())
        except Exception as e:
            warn(e)
            return skips(VIEW + 1)


def _refused(layout: Layout) -> tuple[Layout, int]:
    raise BadLayout(UNKNOWN)


def _index(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _chosen(layout: Layout | None, selected: Any) -> int:
    """The index if the layout has such an element, else -1."""
    return _index(selected) if layout and 0 <= _index(selected) < len(layout.elements) else -1


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


# -- the part of the page ---------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Part:
    """The components of the editor.

    Attributes:
        desk, chosen, draft: states: the desk, the index of the chosen element or -1, whether the draft is shown.
        plan: the editor; it triggers "apply", "backdrop" and "replan" (plan the unlocked elements again, which the tab
            wires to its planning).
        notes: soft notes about the plan.
        table: the numbers of the plan.
        upload, export: JSON in and out.
    """

    desk: gr.State
    chosen: gr.State
    draft: gr.State
    plan: gr.HTML
    notes: gr.HTML
    table: gr.Dataframe
    upload: gr.UploadButton
    export: gr.DownloadButton

    @property
    def view(self) -> list[Any]:
        return [self.desk, self.plan, self.notes, self.table, self.chosen, self.export]


def states() -> dict[str, Any]:
    """What the server keeps of a visitor."""
    return {"desk": gr.State(Desk()), "chosen": gr.State(-1), "draft": gr.State(True)}


def plan_card(backend: Backend) -> dict[str, Any]:
    """The plan with its tools, inside an open column."""
    components.heading(2, "Plan layout", "move, resize and draw boxes")
    plan = components.boxes(plan_panel.editor(Desk(), None, backend.fonts()))
    notes = gr.HTML("", js_on_load=None, elem_id="notes")
    gr.HTML(plan_panel.keys(), js_on_load=None, elem_id="keys")
    return {"plan": plan, "notes": notes}


def table_card() -> dict[str, Any]:
    """Every number of the plan as a table, and JSON in and out, inside an open column."""
    components.heading(2, "Edit the plan", "every number of it; the boxes follow")
    with gr.Row(elem_classes="row-tools"):
        upload = gr.UploadButton("Import JSON or PNG", size="sm", file_types=[".json", ".png"], elem_id="import")
        export = gr.DownloadButton("Export JSON", size="sm", interactive=False, elem_id="export")
    table = components.table()
    gr.HTML(
        '<p class="hint">Here and in a file a box is [x0, y0, x1, y1], in this order: left, top, right, bottom, each'
        " from 0 to 1, x to the right and y down. A colour is #rrggbb or a name, a font is its id or a category such as"
        " serif. Locked elements stay as they are when you plan again.</p>",
        js_on_load=None,
    )
    return {"table": table, "upload": upload, "export": export}


def wire(part: Part, do: Editor) -> None:
    """Connect the editor; what an imported file brings besides the plan is wired by the tab."""
    desk, draft, chosen = part.desk, part.draft, part.chosen
    how = {**PRIVATE, **IN_ORDER}
    part.plan.apply(do.apply, [desk, chosen, draft], part.view, **how)
    part.plan.backdrop(do.backdrop, [desk, chosen], [draft, part.plan], **how)
    part.table.input(do.edit_table, [part.table, desk, chosen, draft], part.view, **how)
    part.table.select(do.pick_row, [desk, draft], [part.plan, chosen], **how)
