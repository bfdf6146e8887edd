"""What a visitor made in the first tab as one value: in a link, inside a PNG, in a JSON file, in the browser; and back.

Nothing is kept on the server, so a link, a file and a page that reloads work after it was started again, and on
another server as well.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image, UnidentifiedImageError

from pipelines.errors import BadLayout, BadSetting, UserError
from pipelines.types import FULL, Element, Layout
from pipelines.vlad.prompt import MAX_PROMPT
from pipelines.vlad.settings import checked_anywhere
from ui import editing, render
from ui.editing import Desk
from ui.handling import Values, skips, warn
from ui.plan_editor import VIEW, Editor

NUMBERS = ("seed", "images", "steps", "guidance", "start", "size", "variety")
SWITCHES = ("without_ccm", "without_guidance")
MAX_LINK = 12_000  # characters of a packed work; more is refused by some servers on the way
MAX_JSON = 1 << 20  # bytes of an unpacked work or of a JSON file
MAX_PNG = 8 << 20  # bytes of a picture that is brought back
PARAMETER = "work"  # of the page's address
FORM = "export one to see its form"
CUT = "The link is damaged or was cut off; copy it again from the page that made it."
NO_PLAN_INSIDE = "This picture carries no plan; only PNG files that were downloaded from this page do."
FROM_LINK = "This plan came with the link; press Draw to draw it, the same picture comes out."
FROM_PICTURE = "The plan and the settings of this picture are back; press Draw and the same picture comes out."
FROM_BEFORE = "Your last plan and settings are back, from this browser; plan again to replace them."
SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Work:
    """Prompt, plan and settings: all that a picture is made from.

    Attributes:
        prompt: what was typed; may differ from the prompt of the plan.
        layout: the plan, or None before the first one.
        settings: values of NUMBERS and SWITCHES; those that are missing have their defaults.
        negative_prompt: what was typed there, likewise.
    """

    prompt: str = ""
    layout: Layout | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    negative_prompt: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON without what has its default."""
        data: dict[str, Any] = {"prompt": self.prompt, "settings": dict(self.settings)}
        data |= {"negative_prompt": self.negative_prompt} if self.negative_prompt else {}
        return data | ({"layout": slim(self.layout)} if self.layout else {})

    @classmethod
    def from_dict(cls, data: Any) -> Work:
        """Strict inverse of `to_dict`; a plain layout is taken as a work with default settings.

        Raises:
            BadLayout, BadSetting: not a work, or a value outside its range.
        """
        if not isinstance(data, Mapping):
            raise BadLayout(f"A layout must be a JSON object; {FORM}.")
        if "elements" in data:
            plain = Layout.from_dict(data)
            return cls(plain.prompt, plain, {"seed": plain.seed}, plain.negative_prompt)
        unknown = set(data) - {"prompt", "negative_prompt", "settings", "layout"}
        if unknown:
            raise BadLayout(f"Unknown field {sorted(map(str, unknown))[0]!r}; remove it.")
        prompt, negative = data.get("prompt", ""), data.get("negative_prompt", "")
        for name, text in (("prompt", prompt), ("negative prompt", negative)):
            if not isinstance(text, str) or len(text) > MAX_PROMPT:
                raise BadLayout(f"The {name} must be a string of at most {MAX_PROMPT} characters; shorten it.")
        layout = Layout.from_dict(data["layout"]) if data.get("layout") is not None else None
        return cls(prompt, layout, settings_of(data.get("settings", {})), negative)

    @classmethod
    def from_picture(cls, info: Any) -> Work:
        """What a PNG file says about itself: seed, settings of the pipeline, layout.

        Raises:
            BadLayout, BadSetting: it does not say this.
        """
        if not isinstance(info, Mapping) or not isinstance(info.get("settings"), Mapping):
            raise BadLayout(NO_PLAN_INSIDE)
        layout, told = Layout.from_dict(info.get("layout")), info["settings"]
        numbers = {k: told[k] for k in NUMBERS if k in told and k != "images"}
        switches = {"without_ccm": told.get("use_ccm") is False}
        switches["without_guidance"] = told.get("hierarchical_guidance") is False
        settings = settings_of({**numbers, **switches, "seed": info.get("seed", 0)})
        return cls(layout.prompt, layout, settings, layout.negative_prompt)


def settings_of(data: Any) -> dict[str, Any]:
    """Checked settings.

    Raises:
        BadLayout: an unknown name or a switch that is neither true nor false.
        BadSetting: a number outside its range.
    """
    if not isinstance(data, Mapping):
        raise BadLayout(f"The settings must be a JSON object; {FORM}.")
    unknown = set(data) - {*NUMBERS, *SWITCHES}
    if unknown:
        raise BadLayout(f"Unknown setting {sorted(map(str, unknown))[0]!r}; remove it.")
    for name in SWITCHES:
        if not isinstance(data.get(name, False), bool):
            raise BadLayout(f"The setting {name} must be true or false.")
    return {k: checked_anywhere(k, v) if k in NUMBERS else v for k, v in data.items()}


def slim(layout: Layout) -> dict[str, Any]:
    """`Layout.to_dict` without defaults and without what is worked out again."""
    plain = {f.name: f.default for f in dataclasses.fields(Element)}
    elements = [
        {k: v for k, v in e.to_dict().items() if v != plain[k] and not (k == "box" and e.box == FULL)}
        | {"box": e.box.as_list()}
        for e in layout.elements
    ]
    data = {
        "prompt": layout.prompt,
        "negative_prompt": layout.negative_prompt,
        "caption": layout.caption,
        "seed": layout.seed,
    }
    return {**{k: v for k, v in data.items() if v}, "elements": elements}


# -- a link ------------------------------------------------------------------------------------------------------------


def pack(work: Work) -> str:
    """A work as letters, digits, - and _ for the address of the page."""
    text = json.dumps(work.to_dict(), ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def unpack(packed: str) -> Work:
    """Inverse of `pack`.

    Raises:
        BadLayout, BadSetting: it is damaged, too long, or what it holds breaks the rules.
    """
    if len(packed) > MAX_LINK or not re.fullmatch(r"[A-Za-z0-9_-]+", packed):
        raise BadLayout(CUT)
    try:
        data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        inflater = zlib.decompressobj()
        text = inflater.decompress(data, MAX_JSON)
        if not inflater.eof:
            raise BadLayout(CUT)
        return Work.from_dict(json.loads(text))
    except (binascii.Error, zlib.error, ValueError, RecursionError) as e:
        raise BadLayout(CUT) from e


# -- a file ------------------------------------------------------------------------------------------------------------


def of_picture(path: str | None) -> Work | None:
    """The work inside an uploaded PNG file; None where the file is no PNG, by content and not by name.

    Raises:
        BadLayout, BadSetting: larger than MAX_PNG, or nothing of ours inside.
    """
    if not path:
        return None
    file = Path(path)
    with file.open("rb") as opened:
        if opened.read(len(SIGNATURE)) != SIGNATURE:
            return None
    if file.stat().st_size > MAX_PNG:
        raise BadLayout("The picture is larger than 8 MB; only pictures that were downloaded from this page work here.")
    try:
        with Image.open(file, formats=["PNG"]) as image:
            text = getattr(image, "text", {}).get("vlad", "")
        return Work.from_picture(json.loads(text) if len(text) <= MAX_JSON else None)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, RecursionError) as e:
        raise BadLayout(NO_PLAN_INSIDE) from e


# -- handlers ----------------------------------------------------------------------------------------------------------

SETTINGS = len(NUMBERS) + len(SWITCHES)
RESTORED = VIEW + 2 + SETTINGS + 2  # outputs: view, prompt, negative prompt, settings, randomise, note


class Keeper:
    """Keeping and bringing back; nothing here keeps state of a visitor.

    Args:
        editor: shows a plan, and reads layouts from JSON.
    """

    def __init__(self, editor: Editor) -> None:
        self.editor, self.backend = editor, editor.backend

    def keep(self, prompt: str, negative: str, desk: Desk, *values: Any) -> tuple[Any, Any]:
        """What the browser remembers, and the link; `values` are those of NUMBERS and SWITCHES, in that order."""
        try:
            named = dict(zip((*NUMBERS, *SWITCHES), values, strict=True))
            told = {k: v for k, v in named.items() if v is not None and v != self.backend.how.defaults.get(k, False)}
            work = Work(prompt[:MAX_PROMPT], desk.layout, settings_of(told), negative[:MAX_PROMPT])
        except UserError:
            return skips(2)  # type: ignore[return-value]  # a setting is being typed: what was kept before stays
        return work.to_dict(), link(work)

    def arrived(self, kept: Any, draft: bool, request: gr.Request | None = None) -> Values:
        """The page opens: a work from its address, else from the browser. Gives the RESTORED outputs."""
        query = dict(request.query_params) if request is not None else {}
        if PARAMETER in query:
            return self._guarded(lambda: self.restored(unpack(str(query[PARAMETER])), Desk(), draft, FROM_LINK))
        if not isinstance(kept, Mapping) or not kept.get("layout"):
            return skips(RESTORED)
        try:
            return self.restored(Work.from_dict(kept), Desk(), draft, FROM_BEFORE)
        except UserError:
            return skips(RESTORED)  # kept by an older version: the page opens as for a new visitor

    def opened(self, path: str | None, desk: Desk, draft: bool) -> Values:
        """A picture or a layout is brought back. Gives the RESTORED outputs; a bad file keeps everything."""

        def bring() -> Values:
            work = of_picture(path)
            if work is not None:
                return self.restored(work, desk, draft, FROM_PICTURE)
            loaded = self.editor.load(path, desk, draft)
            changed = isinstance(loaded[0], Desk)
            negative = loaded[0].layout.negative_prompt if changed else gr.skip()
            return *loaded, negative, *skips(SETTINGS + 1), "" if changed else gr.skip()

        return self._guarded(bring)

    def _guarded(self, bring: Callable[[], Values]) -> Values:
        try:
            return bring()
        except Exception as e:
            warn(e)
            return skips(RESTORED)

    def restored(self, work: Work, desk: Desk, draft: bool, note: str) -> Values:
        """View, prompt, negative prompt, NUMBERS, SWITCHES, randomise and a note of a work.

        Raises:
            BadLayout: the plan asks for a font that is not installed.
        """
        if work.layout is not None:
            layout = editing.checked(work.layout, self.backend.fonts())
            desk = desk.put(dataclasses.replace(layout, warnings=self.backend.warnings(layout)))
        values = [self._here(k, work.settings.get(k)) for k in NUMBERS]
        values += [work.settings.get(k, False) for k in SWITCHES]
        typed = (work.prompt or gr.skip(), work.negative_prompt)
        return (*self.editor.view(desk, None, draft), *typed, *values, False, render.notes([note]))

    def _here(self, name: str, value: float | None) -> float:
        """A setting of a work, or this server's default where its preset does not take that value."""
        try:
            return self.backend.how.checked(name, value)
        except BadSetting:
            return self.backend.how.defaults[name]


def link(work: Work) -> str:
    """The link to a work with a button that copies it, or a hint while there is no plan."""
    packed = pack(work)
    if work.layout is None:
        return ""
    if len(packed) > MAX_LINK:
        return '<p class="hint">This plan is too large for a link; export it as JSON instead.</p>'
    return (
        f'<p class="link"><a href="?{PARAMETER}={packed}">Link to this plan</a>'
        '<button type="button" class="pill" data-copy>Copy link</button><span role="status"></span></p>'
    )
