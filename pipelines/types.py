"""Plain, validated data that travels between the app, the pipelines and the training code.

Importing this module loads neither torch nor Gradio. Every box is [x0, y0, x1, y1] in [0, 1], origin top left, x to the
right. Colours are "#rrggbb" in lower case. All dataclasses are frozen; change one with `dataclasses.replace`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from PIL import Image

from pipelines.errors import BadLayout

Kind = Literal["background", "panel", "object", "text"]
Align = Literal["left", "center", "right"]

KINDS: tuple[Kind, ...] = get_args(Kind)
ALIGNS: tuple[Align, ...] = get_args(Align)
BACKGROUND_STYLES = (
    "plain", "gradient", "stripes", "sunburst", "dots", "border", "split", "confetti", "texture", "photo",
)  # fmt: skip
PANEL_STYLES = (
    "rect", "rounded", "circle", "burst", "octagon", "diamond", "ticket", "ribbon", "speech", "sign", "note", "book",
    "board",
)  # fmt: skip
OBJECT_STYLES = ("3d", "flat", "mono")
TEXT_STYLES = ("plain", "shadow", "outline", "glow")
STYLES: dict[str, tuple[str, ...]] = {
    "background": BACKGROUND_STYLES,
    "panel": PANEL_STYLES,
    "object": OBJECT_STYLES,
    "text": TEXT_STYLES,
}
MAX_ELEMENTS = 40
MAX_TEXT = 200
MAX_PROMPT = 2000  # characters, of a negative prompt as well
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class Box:
    """Axis-aligned rectangle [x0, y0, x1, y1] in [0, 1], x0 < x1 and y0 < y1, at least 0.01 wide and high.

    Raises:
        BadLayout: a coordinate is not a finite number, lies outside [0, 1], or a pair is swapped or too close.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        for name in ("x0", "y0", "x1", "y1"):
            v = getattr(self, name)
            if isinstance(v, bool) or not isinstance(v, (int, float)) or not math.isfinite(v):
                raise BadLayout(f"Box coordinate {name} is {v!r}; give a number from 0 to 1.")
            if not 0 <= v <= 1:
                raise BadLayout(f"Box coordinate {name} is {v:g}; boxes are [x0, y0, x1, y1] from 0 to 1.")
        if self.x1 - self.x0 < 0.01 - 1e-9 or self.y1 - self.y0 < 0.01 - 1e-9:
            raise BadLayout(
                f"Box {self.as_list()} is empty or has swapped corners; x0 must be left of x1 and y0 above y1."
            )

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @property
    def area(self) -> float:
        return self.width * self.height

    def as_list(self) -> list[float]:
        return [round(float(v), 4) for v in (self.x0, self.y0, self.x1, self.y1)]

    def intersection(self, other: Box) -> float:
        """Area shared with `other`, as a share of the canvas."""
        w = min(self.x1, other.x1) - max(self.x0, other.x0)
        h = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(0.0, w) * max(0.0, h)

    def iou(self, other: Box) -> float:
        shared = self.intersection(other)
        return shared / (self.area + other.area - shared)

    @classmethod
    def clipped(cls, x0: float, y0: float, x1: float, y1: float, least: float = 0.02) -> Box:
        """The nearest valid box: corners ordered, moved into the canvas, at least `least` wide and high."""
        x0, x1 = sorted((min(1.0, max(0.0, x0)), min(1.0, max(0.0, x1))))
        y0, y1 = sorted((min(1.0, max(0.0, y0)), min(1.0, max(0.0, y1))))
        if x1 - x0 < least:
            x0 = min(max(0.0, (x0 + x1 - least) / 2), 1 - least)
            x1 = x0 + least
        if y1 - y0 < least:
            y0 = min(max(0.0, (y0 + y1 - least) / 2), 1 - least)
            y1 = y0 + least
        return cls(x0, y0, x1, y1)


FULL = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Element:
    """One planned part of the picture.

    Attributes:
        kind: background | panel | object | text; drawn in that order, and in list order within a kind.
        box: where it goes. A background's box is the whole canvas.
        text: what it is. text: the exact string; object: its name ("birthday cake"); panel: its noun ("badge");
            background: its phrase ("a brick wall"), may be empty.
        colour: main colour: letters, panel fill, background base, tint of a "mono" object (else unused). None = not
            planned yet.
        accent: second colour: panel outline, background pattern, text outline. None = none.
        font: font id of `pipelines.vlad.fonts` for text, else None.
        align: alignment of the lines of a text that wraps.
        style: one of STYLES[kind].
        variant: which drawing of the style, 0-15: direction of stripes, view of a photograph, side of a bubble's tail.
        locked: a box the visitor has fixed: planning again keeps it.
        span: [start, end) of the words in the prompt that ask for it, or None.

    Raises:
        BadLayout: a field is outside what is listed above.
    """

    kind: Kind
    box: Box
    text: str = ""
    colour: str | None = None
    accent: str | None = None
    font: str | None = None
    align: Align = "center"
    style: str = ""
    variant: int = 0
    locked: bool = False
    span: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadLayout(f"Element kind {self.kind!r} is unknown; use one of {', '.join(KINDS)}.")
        if not self.style:
            object.__setattr__(self, "style", STYLES[self.kind][0])
        if self.style not in STYLES[self.kind]:
            raise BadLayout(
                f"Style {self.style!r} does not exist for a {self.kind}; use one of {', '.join(STYLES[self.kind])}."
            )
        if not isinstance(self.text, str) or len(self.text) > MAX_TEXT:
            raise BadLayout(f"The text of an element must be a string of at most {MAX_TEXT} characters; shorten it.")
        if self.kind in ("text", "object") and not self.text.strip():
            raise BadLayout(f"A {self.kind} element has no text; write what it should show or delete it.")
        for name in ("colour", "accent"):
            v = getattr(self, name)
            if v is not None and not (isinstance(v, str) and _COLOUR.fullmatch(v)):
                raise BadLayout(f"The {name} {v!r} is not a colour; write it as #rrggbb, for example #1a2b3c.")
        if self.align not in ALIGNS:
            raise BadLayout(f"Alignment {self.align!r} is unknown; use {', '.join(ALIGNS)}.")
        if isinstance(self.variant, bool) or not isinstance(self.variant, int) or not 0 <= self.variant <= 15:
            raise BadLayout(f"Variant {self.variant!r} is not a whole number from 0 to 15.")

    def to_dict(self) -> dict[str, Any]:
        d = dataclasses.asdict(self)
        d["box"] = self.box.as_list()
        d["span"] = list(self.span) if self.span else None
        return d

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Element:
        """Strict inverse of `to_dict`; missing optional fields take their defaults.

        Raises:
            BadLayout: unknown or missing fields, or a value outside its range.
        """
        if not isinstance(data, Mapping):
            raise BadLayout("An element must be a JSON object with kind, text and box.")
        unknown = set(data) - {f.name for f in dataclasses.fields(cls)}
        if unknown:
            raise BadLayout(f"Unknown element field {sorted(unknown)[0]!r}; remove it.")
        box = data.get("box")
        if not isinstance(box, (list, tuple)) or len(box) != 4:
            raise BadLayout("Each element needs a box [x0, y0, x1, y1] of four numbers from 0 to 1.")
        if "kind" not in data:
            raise BadLayout(f"Each element needs a kind: one of {', '.join(KINDS)}.")
        rest = {k: v for k, v in data.items() if k not in ("box", "span")}
        span = data.get("span")
        whole = isinstance(span, (list, tuple)) and all(isinstance(v, int) and not isinstance(v, bool) for v in span)
        if span is not None and not (whole and len(span) == 2):
            raise BadLayout("The span of an element must be two character positions of the prompt.")
        if not isinstance(rest["kind"], str) or rest["kind"] not in KINDS:
            raise BadLayout(f"Element kind {rest['kind']!r} is unknown; use one of {', '.join(KINDS)}.")
        for name, kinds in (("style", str), ("align", str), ("font", (str, type(None))), ("locked", bool)):
            if name in rest and not isinstance(rest[name], kinds):
                raise BadLayout(f"The field {name!r} of an element has the wrong type: {rest[name]!r}.")
        return cls(box=Box(*box), span=(int(span[0]), int(span[1])) if span is not None else None, **rest)


@dataclass(frozen=True)
class Layout:
    """A planned picture: exactly what the visitor sees and edits, and all that drawing needs besides a seed.

    Attributes:
        prompt: the words it was planned from.
        caption: the global caption (prompt without the text strings).
        elements: 1 to MAX_ELEMENTS elements; at most one background.
        seed: the seed that planned it.
        warnings: sentences for the visitor (overlap, too small to read, character without a glyph, ...).
        negative_prompt: what it was planned to avoid, "" for nothing.

    Raises:
        BadLayout: too many elements, two backgrounds, or a negative prompt that is too long.
    """

    prompt: str
    elements: tuple[Element, ...]
    caption: str = ""
    seed: int = 0
    warnings: tuple[str, ...] = ()
    negative_prompt: str = ""

    def __post_init__(self) -> None:
        if not self.elements:
            raise BadLayout("The layout has no elements; add at least a background or a text.")
        if len(self.elements) > MAX_ELEMENTS:
            raise BadLayout(f"The layout has {len(self.elements)} elements; {MAX_ELEMENTS} is the most, delete some.")
        if sum(e.kind == "background" for e in self.elements) > 1:
            raise BadLayout("The layout has more than one background; keep one.")
        if not isinstance(self.negative_prompt, str) or len(self.negative_prompt) > MAX_PROMPT:
            raise BadLayout(f"The negative prompt must be a string of at most {MAX_PROMPT:,} characters; shorten it.")

    @property
    def texts(self) -> tuple[Element, ...]:
        return tuple(e for e in self.elements if e.kind == "text")

    @property
    def background(self) -> Element | None:
        return next((e for e in self.elements if e.kind == "background"), None)

    def to_dict(self) -> dict[str, Any]:
        return {
            "prompt": self.prompt,
            **({"negative_prompt": self.negative_prompt} if self.negative_prompt else {}),
            "caption": self.caption,
            "seed": self.seed,
            "coordinates": "box = [x0, y0, x1, y1], 0 to 1, origin top left",
            "elements": [e.to_dict() for e in self.elements],
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_dict(cls, data: Any) -> Layout:
        """Strict inverse of `to_dict`.

        Raises:
            BadLayout: not a layout, or a field outside its range.
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("elements"), list):
            raise BadLayout('A layout must be a JSON object with a list "elements"; export one to see its form.')
        seed = data.get("seed", 0)
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise BadLayout("The seed of a layout must be a whole number.")
        for name in ("prompt", "caption"):
            if not isinstance(data.get(name, ""), str):
                raise BadLayout(f"The {name} of a layout must be a string.")
        warnings = data.get("warnings", [])
        return cls(
            prompt=data.get("prompt", ""),
            caption=data.get("caption", ""),
            elements=tuple(Element.from_dict(e) for e in data["elements"]),
            seed=seed,
            warnings=tuple(str(w) for w in warnings) if isinstance(warnings, list) else (),
            negative_prompt=data.get("negative_prompt", ""),
        )

    @classmethod
    def from_json(cls, text: str) -> Layout:
        """Read `json.dumps(layout.to_dict())`.

        Raises:
            BadLayout: not JSON, or not a layout.
        """
        try:
            return cls.from_dict(json.loads(text))
        except (json.JSONDecodeError, RecursionError) as e:
            raise BadLayout(f"The layout file is not valid JSON ({e}); export one to see its form.") from e


@dataclass(frozen=True)
class Progress:
    """One report while images are being made.

    Attributes:
        stage: "canvas" | "denoise" | "decode" | "done".
        step, steps: finished steps of all steps of the stage.
        eta_s: seconds left, or None while unknown.
        images: previews so far, or the finished images when stage is "done"; RGB, 256x256.
    """

    stage: str
    step: int
    steps: int
    eta_s: float | None = None
    images: tuple[Image.Image, ...] = ()


@dataclass(frozen=True)
class Generation:
    """Finished images with what made them.

    Attributes:
        images: RGB, 256x256.
        layout: the layout they were drawn from.
        seed: the seed of the first image; image k has seed + k.
        settings: steps, guidance, start, use_ccm, hierarchical_guidance, preset.
        timings_ms: stage -> milliseconds.
    """

    images: tuple[Image.Image, ...]
    layout: Layout
    seed: int
    settings: dict[str, Any]
    timings_ms: dict[str, float]
