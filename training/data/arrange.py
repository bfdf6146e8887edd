"""Arranging texts and objects on a poster: measuring, stacking, rows of objects, colours that read well.

A `Draft` collects the elements of one poster; it raises `NoFit` as soon as something would be too small, too faint or
in the way, and the scene is drawn anew. Boxes are [x0, y0, x1, y1] in [0, 1].
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipelines.colours import COLOURS, PALETTES, RGB, contrast, distance, luminance, shade, to_hex, to_rgb
from pipelines.types import FULL, Align, Box, Element
from pipelines.vlad.canvas import fit_text, panel_safe_box
from pipelines.vlad.fonts import FontBook, default_fonts
from training.data.assets import Assets
from training.data.english import with_article
from training.data.phrases import NoFit
from training.data.splits import Split, combination, in_split

MIN_X_HEIGHT = 9.0  # px at 256
MIN_CAP_HEIGHT = 10.5  # px at 256, for texts without small letters
MIN_CONTRAST = 3.6
MIN_OBJECT = 0.13
GAP = 0.035
MARGIN = 0.08
OBJECT_STYLES = {"3d": 60, "flat": 25, "mono": 15}
OWN_FONTS = 0.7  # share of posters set in the fonts of the app

TITLE_FONTS = (
    "sans-serif", "sans-serif", "heavy sans-serif", "condensed sans-serif", "serif", "slab serif", "display", "display",
    "rounded", "script", "handwritten",
)  # fmt: skip
PLAIN_FONTS = ("sans-serif", "sans-serif", "condensed sans-serif", "serif", "slab serif", "rounded")


@dataclass(frozen=True)
class Group:
    """Equal objects: the canonical name and one element per copy, in reading order."""

    name: str
    elements: tuple[Element, ...]


@dataclass(frozen=True)
class Scene:
    """A composed poster, before anyone has described it.

    Attributes:
        kind: name of the scene ("road sign").
        noun: what a person would call the picture ("warning sign").
        background: its element; background_phrase names it ("a navy blue striped background").
        panel: the surface that carries the text, or None; fill is the name of its colour.
        groups: objects, left to right or top to bottom.
        texts: phrases from the top down.
        relation: "left" | "above" (first group of second), "row", or None.
        thing: the first group is what the text is on or belongs to ("t-shirt", a speaker): "" | "product" | "speaker".
    """

    kind: str
    noun: str
    background: Element
    background_phrase: str
    panel: Element | None
    fill: str | None
    groups: tuple[Group, ...]
    texts: tuple[Element, ...]
    relation: str | None
    thing: str = ""

    @property
    def elements(self) -> tuple[Element, ...]:
        """All elements: background, panel, objects, texts."""
        panel = (self.panel,) if self.panel else ()
        return (self.background, *panel, *(e for g in self.groups for e in g.elements), *self.texts)


@dataclass(frozen=True)
class Line:
    """A measured text waiting for its place.

    Attributes:
        element: the text, without its final box. height: of its ink, a share of the canvas.
        px: font size at 256. rows: number of lines it wraps over.
    """

    element: Element
    height: float
    px: float
    rows: int = 1


@dataclass
class Draft:
    """One poster in the making.

    Attributes:
        base: name of the colour behind the contents, a key of PALETTES.
        behind: colours that may lie behind a text; every ink must stand out from all of them.
        area: where contents may go.
        style: style of all objects.
        tint: name of the colour of "mono" objects.
        own: whether only the fonts of the app are used.
    """

    rng: random.Random
    assets: Assets
    fonts: FontBook
    split: Split
    base: str = "white"
    behind: tuple[RGB, ...] = ((255, 255, 255),)
    area: Box = Box(MARGIN, MARGIN, 1 - MARGIN, 1 - MARGIN)
    style: str = "3d"
    tint: str | None = None
    own: bool = True
    text_style: str = "plain"
    background: Element = Element("background", FULL, colour="#ffffff")
    background_phrase: str = "a white background"
    panel: Element | None = None
    fill: str | None = None
    groups: list[Group] = field(default_factory=list)
    texts: list[Element] = field(default_factory=list)
    relation: str | None = None
    thing: str = ""

    @classmethod
    def begin(cls, rng: random.Random, assets: Assets, fonts: FontBook, split: Split) -> Draft:
        style = rng.choices(list(OBJECT_STYLES), list(OBJECT_STYLES.values()))[0]
        return cls(rng, assets, fonts, split, style=style, own=rng.random() < OWN_FONTS)

    def finish(self, kind: str, noun: str) -> Scene:
        """The scene.

        Raises:
            NoFit: a text meets another text or an object.
        """
        boxes = [e.box for e in self.texts]
        others = [e.box for g in self.groups for e in g.elements]
        for i, box in enumerate(boxes):
            if any(box.intersection(b) > 1e-4 for b in boxes[:i] + others):
                raise NoFit
        return Scene(
            kind, noun, self.background, self.background_phrase, self.panel, self.fill, tuple(self.groups),
            tuple(self.texts), self.relation, self.thing,
        )  # fmt: skip

    # ---- backgrounds and panels

    def paint(self, colours: Sequence[str], styles: Sequence[str]) -> None:
        """A drawn background in one of the named colours and one of the styles."""
        r = self.rng
        self.base = r.choice([c for c in colours if c in PALETTES])
        style, colour = r.choice(list(styles)), COLOURS[self.base]
        accent = r.choice(PALETTES[self.base][1])
        light = luminance(colour) > 0.35
        second = colour
        if style == "gradient":
            second = shade(colour, r.choice((-0.14, 0.3) if light else (0.16, -0.3)))
        elif style in ("stripes", "sunburst", "dots"):
            second = shade(colour, r.choice((-0.06, -0.1) if light else (0.08, 0.14)))
        elif style in ("border", "split", "confetti"):
            second = COLOURS[accent]
        self.behind = (colour, second) if style in ("gradient", "stripes", "sunburst", "dots") else (colour,)
        if style == "split":
            self.area = Box(self.area.x0, 0.06, self.area.x1, 0.80)
        if style in ("border", "confetti"):
            self.area = Box(0.11, 0.11, 0.89, 0.89)
        self.background = Element(
            "background", FULL, colour=to_hex(colour), accent=None if style == "plain" else to_hex(second), style=style,
            variant=r.randrange(16),
        )  # fmt: skip
        self.background_phrase = self._background_phrase(style, accent)

    def _background_phrase(self, style: str, accent: str) -> str:
        name = self.base
        phrases = {
            "plain": (f"{name} background", f"plain {name} background", f"solid {name} background"),
            "gradient": (f"{name} gradient background", f"{name} gradient"),
            "stripes": (f"{name} striped background", f"striped {name} background"),
            "sunburst": (f"{name} sunburst background", f"{name} background with sun rays"),
            "dots": (f"{name} polka dot background", f"{name} dotted background"),
            "border": (f"{name} background with {with_article(accent)} border",),
            "split": (f"{name} background with {with_article(accent)} strip at the bottom",),
            "confetti": (f"{name} background with confetti", f"{name} confetti background"),
        }
        return with_article(self.rng.choice(phrases[style]))

    def photograph(self, kinds: Sequence[str]) -> None:
        """A texture or photograph of one of the kinds, from the split where it has one."""
        r = self.rng
        kind = r.choice([k for k in kinds if self.assets.variants(k, "train")])
        variants = self.assets.variants(kind, self.split) or self.assets.variants(kind, "train")
        variant = r.choice(variants)
        view = self.assets.view(kind, variant)
        self.behind = (view.mean,)
        self.base = min(PALETTES, key=lambda n: distance(COLOURS[n], view.mean))
        self.background = Element(
            "background", FULL, kind, to_hex(view.mean), style="photo" if view.photo else "texture", variant=variant
        )
        self.background_phrase = kind

    def put_panel(
        self,
        style: str,
        box: Box,
        noun: str,
        fill: str,
        outline: str | None = None,
        variant: int = 0,
        inset: float = 0.0,
    ) -> None:
        """A surface for the contents; from now on contents go into its safe box, reduced by `inset` on all sides."""
        accent = to_hex(COLOURS[outline]) if outline else None
        self.panel = Element("panel", box, noun, to_hex(COLOURS[fill]), accent, style=style, variant=variant)
        self.fill = self.base = fill
        self.behind = (COLOURS[fill],)
        safe = panel_safe_box(self.panel)
        self.area = Box(safe.x0 + inset, safe.y0 + inset, safe.x1 - inset, safe.y1 - inset)

    def contrasting(self, names: Sequence[str], least: float = 90.0) -> str:
        """One of the named colours that stands out from what is behind.

        Raises:
            NoFit: none does.
        """
        good = [n for n in names if all(distance(COLOURS[n], b) > least for b in self.behind)]
        if not good:
            raise NoFit
        return self.rng.choice(good)

    # ---- colours and fonts

    def ink(self, names: Sequence[str] | None = None, least: float = MIN_CONTRAST) -> str:
        """Name of a colour that is legible on all that is behind.

        Raises:
            NoFit: none is.
        """
        for choice in (names or PALETTES[self.base][0], ("white", "black", "navy blue", "cream")):
            good = [n for n in choice if all(contrast(COLOURS[n], b) >= least for b in self.behind)]
            if good:
                return self.rng.choice(good)
        raise NoFit

    def font(self, categories: Sequence[str], text: str) -> str:
        """A font id of one of the categories that covers the text and belongs to the split.

        Raises:
            NoFit: none found.
        """
        shouting = any(w.isupper() and len(w) > 2 for w in text.split())
        for _ in range(12):
            category = self.rng.choice(list(categories))
            ids = [i for i in self._font_ids(category) if self.fonts.caps_ok(i) or not shouting]
            if ids and self.fonts.covers(chosen := self.rng.choice(ids), text):
                return chosen
        raise NoFit

    def _font_ids(self, category: str) -> tuple[str, ...]:
        ids, extra = self.fonts.of(category), self.assets.extra_fonts
        own = tuple(i for i in ids if i in default_fonts().ids)
        if self.own:
            return own
        others = (i for i in ids if i not in own and i in extra)
        return tuple(i for i in others if in_split("font", str(extra[i]["family"]), self.split)) or own

    # ---- texts

    def measure(
        self, text: str, categories: Sequence[str], width: float, most: float, font: str | None = None,
        ink: str | None = None, align: Align = "center",
    ) -> Line:  # fmt: skip
        """Sets a text as large as width and greatest height allow.

        Raises:
            NoFit: it would be too small, or no font or colour fits.
        """
        font = font or self.font(categories, text)
        fitted = fit_text(text, font, Box.clipped(0, 0, width, most), self.fonts)
        if not legible(text, fitted.px, font, self.fonts):
            raise NoFit
        top = min(line.box.y0 for line in fitted.lines)
        bottom = max(line.box.y1 for line in fitted.lines)
        height = bottom - top
        for k in (1.0, 1.06, 1.14, 1.25):
            if height * k >= most or fit_text(text, font, Box.clipped(0, 0, width, height * k), self.fonts).px >= (
                0.97 * fitted.px
            ):
                height = min(most, height * k)
                break
        else:
            height = most
        colour = to_hex(COLOURS[ink or self.ink()])
        element = Element(
            "text", FULL, text, colour, None, font, align, style=self.text_style
        )  # fmt: skip
        return Line(element, height, fitted.px, len(fitted.lines))

    def place(self, line: Line, x0: float, x1: float, y0: float) -> None:
        """Puts a measured text at its final place.

        Raises:
            NoFit: outside the canvas.
        """
        if min(x0, y0) < 0.01 or max(x1, y0 + line.height) > 0.99:
            raise NoFit
        self.texts.append(replace(line.element, box=Box(x0, y0, x1, y0 + line.height)))

    # ---- objects

    def add_group(self, name: str, boxes: Sequence[Box]) -> None:
        """Objects of one name.

        Raises:
            NoFit: too small, outside the canvas, or they would not stand out.
        """
        info = self.assets.objects[name]
        style = self.style if self.style in info.styles else "flat"
        if style not in info.styles or min(b.width for b in boxes) < MIN_OBJECT:
            raise NoFit
        if style == "mono":
            self.tint = self.tint or self.ink(least=3.0)
        elif any(distance(info.styles[style].edge, b) < 55 for b in self.behind[:1]):
            raise NoFit
        colour = to_hex(COLOURS[self.tint]) if style == "mono" and self.tint else None
        self.groups.append(Group(name, tuple(Element("object", b, name, colour, style=style) for b in boxes)))

    def place_objects(self, groups: Sequence[tuple[str, int]], band: Box, most: float = 0.62) -> None:
        """Groups of objects in a band: one group as a row or grid, two side by side or one above the other.

        Raises:
            NoFit: they would be too small or would not stand out.
        """
        if len(groups) == 1:
            name, n = groups[0]
            self.add_group(name, grid(n, band, most))
            return
        tall = band.height > 0.9 * band.width
        counted = any(n > 1 for _, n in groups)
        if len(groups) == 2 and (tall or (counted and band.height > 0.4)):
            half = (band.height - GAP) / 2
            size = min(row_size(max(n for _, n in groups), band.width), half, most)
            for (name, n), y in zip(groups, (band.y0, band.y1 - half), strict=True):
                self.add_group(name, row(n, Box(band.x0, y, band.x1, y + half), size))
            self.relation = "above"
            return
        total = sum(n for _, n in groups)
        boxes = row(total, band, min(row_size(total, band.width), band.height, most))
        for name, n in groups:
            self.add_group(name, boxes[:n])
            boxes = boxes[n:]
        self.relation = "left" if len(groups) == 2 else "row"

    def in_split(self, names: Sequence[str]) -> bool:
        """Whether this combination of objects may be drawn; single objects always may."""
        return len(names) < 2 or in_split("objects", combination(names), self.split)


def legible(text: str, px: float, font: str, fonts: FontBook) -> bool:
    """Whether letters of `px` (at 256) are tall enough."""
    small, capital = letter_heights(font, fonts)
    if any(c.islower() for c in text):
        return small * px >= MIN_X_HEIGHT
    return capital * px >= MIN_CAP_HEIGHT


_HEIGHTS: dict[str, tuple[float, float]] = {}


def letter_heights(font: str, fonts: FontBook) -> tuple[float, float]:
    """Height of "x" and of "H" as shares of the font size."""
    if font not in _HEIGHTS:
        loaded = fonts.load(font, 100)
        _HEIGHTS[font] = (-loaded.getbbox("x", anchor="ls")[1] / 100, -loaded.getbbox("H", anchor="ls")[1] / 100)
    return _HEIGHTS[font]


def row_size(n: int, width: float) -> float:
    """Side of n equal squares with gaps that fill a width."""
    return (width - GAP * (n - 1)) / n


def row(n: int, band: Box, size: float) -> list[Box]:
    """n squares of one size, centred in the band, spread a little if there is room."""
    step = min(size * 1.25, size + 0.08) if n > 1 else 0.0
    step = min(step, (band.width - size) / (n - 1)) if n > 1 else 0.0
    cx, cy = band.centre
    x = cx - step * (n - 1) / 2 - size / 2
    return [Box(x + step * i, cy - size / 2, x + step * i + size, cy + size / 2) for i in range(n)]


def grid(n: int, band: Box, most: float) -> list[Box]:
    """n squares in one or more centred rows, as large as possible, in reading order."""

    def side(rows: int) -> float:
        return min(row_size(math.ceil(n / rows), band.width), row_size(rows, band.height), most)

    rows = max((k for k in range(1, min(n, 3) + 1)), key=lambda k: (round(side(k), 3), -k))
    size = side(rows) * (0.94 if n > 1 else 1.0)
    pitch = min(size + 0.06, (band.height - size) / (rows - 1)) if rows > 1 else 0.0
    top = band.centre[1] - pitch * (rows - 1) / 2 - size / 2
    boxes: list[Box] = []
    for k in range(rows):
        y = top + pitch * k
        left = min(math.ceil(n / rows), n - len(boxes))
        boxes += row(left, Box(band.x0, y, band.x1, y + size), size)
    return boxes


def colour_name(element: Element) -> str:
    """Name of an element's colour.

    Raises:
        ValueError: it has none.
    """
    if element.colour is None:
        raise ValueError(f"{element.kind} {element.text!r} has no colour")
    rgb = to_rgb(element.colour)
    return min(COLOURS, key=lambda n: distance(COLOURS[n], rgb))
