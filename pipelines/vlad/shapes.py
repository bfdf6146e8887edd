"""The shapes of panels: what they look like flat, their outline as a mask, and the region free for contents.

A shape is painted with tones by role ("fill", "edge", "line", ...), so one description serves the picture and the mask.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from pipelines.colours import RGB, contrast, distance, luminance, shade, to_rgb
from pipelines.types import Box, Element

Point = tuple[float, float]
Tones = Mapping[str, int] | Mapping[str, RGB]
PAPER: RGB = (250, 246, 236)
RED: RGB = (207, 40, 45)
WOOD: RGB = (134, 88, 52)
ROLES = ("fill", "edge", "line", "back", "fold", "light", "wood", "pin")


@dataclass(frozen=True)
class Frame:
    """The panel's box in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def w(self) -> float:
        return self.x1 - self.x0

    @property
    def h(self) -> float:
        return self.y1 - self.y0

    @property
    def m(self) -> float:
        return min(self.w, self.h)

    @property
    def cx(self) -> float:
        return (self.x0 + self.x1) / 2

    @property
    def cy(self) -> float:
        return (self.y0 + self.y1) / 2

    def inset(self, d: float) -> Frame:
        """Smaller by d on every side, never inside out."""
        d = min(d, 0.49 * self.m)
        return Frame(self.x0 + d, self.y0 + d, self.x1 - d, self.y1 - d)

    def part(self, x0: float, y0: float, x1: float, y1: float) -> Frame:
        """The part given as shares of the frame."""
        return Frame(self.x0 + x0 * self.w, self.y0 + y0 * self.h, self.x0 + x1 * self.w, self.y0 + y1 * self.h)

    @property
    def square(self) -> Frame:
        """The largest centred square."""
        r = self.m / 2
        return Frame(self.cx - r, self.cy - r, self.cx + r, self.cy + r)

    @property
    def corners(self) -> tuple[float, float, float, float]:
        return self.x0, self.y0, self.x1, self.y1


def _drawn(f: Frame) -> tuple[float, float, float, float]:
    """Corners as Pillow counts them (the last pixel is inside), never swapped."""
    return f.x0, f.y0, max(f.x0, f.x1 - 1), max(f.y0, f.y1 - 1)


def _radius(f: Frame, radius: float) -> float:
    return max(0.0, min(radius, f.m / 2))


class Brush:
    """Draws by role. `unit` is 1/256 of the canvas in pixels, the measure of line widths."""

    def __init__(self, image: Image.Image, tones: Tones) -> None:
        self.draw = ImageDraw.Draw(image)
        self.tones = tones
        self.unit = image.width / 256

    def rect(self, f: Frame, role: str, radius: float = 0.0) -> None:
        self.draw.rounded_rectangle(_drawn(f), _radius(f, radius), fill=self.tones[role])

    def frame(self, f: Frame, role: str, width: float, radius: float = 0.0) -> None:
        """An outline just inside the frame."""
        self.draw.rounded_rectangle(_drawn(f), _radius(f, radius), outline=self.tones[role], width=self.px(width))

    def disc(self, f: Frame, role: str) -> None:
        self.draw.ellipse(_drawn(f), fill=self.tones[role])

    def ring(self, f: Frame, role: str, width: float) -> None:
        self.draw.ellipse(_drawn(f), outline=self.tones[role], width=self.px(width))

    def polygon(self, points: Sequence[Point], role: str) -> None:
        self.draw.polygon(list(points), fill=self.tones[role])

    def outline(self, points: Sequence[Point], role: str, width: float) -> None:
        """A closed line centred on the polygon."""
        self.draw.line([*points, *points[:2]], fill=self.tones[role], width=self.px(width), joint="curve")

    def stroke(self, points: Sequence[Point], role: str, width: float) -> None:
        self.draw.line(list(points), fill=self.tones[role], width=self.px(width), joint="curve")

    def dashes(self, a: Point, b: Point, role: str, width: float, dash: float) -> None:
        """A dashed line of dashes and gaps of equal length."""
        length = math.dist(a, b)
        n = max(1, int(length / dash / 2))
        for i in range(n):
            s, e = ((2 * i + k + 0.5) / (2 * n) for k in (0, 1))
            ends = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for t in (s, e)]
            self.stroke(ends, role, width)

    def px(self, width: float) -> int:
        """A line width in units as whole pixels, at least 1."""
        return max(1, round(width * self.unit))


def panel_tones(element: Element) -> dict[str, RGB]:
    """The colour of every role for an element."""
    fill = to_rgb(element.colour) if element.colour else PAPER
    accent = to_rgb(element.accent) if element.accent else None
    light = luminance(fill) > 0.3
    clear = accent if accent and distance(accent, fill) > 60 else None
    return {
        "fill": fill,
        "edge": clear or (shade(fill, -0.42) if luminance(fill) > 0.75 else (255, 253, 248)),
        "line": clear or shade(fill, -0.32 if light else 0.5),
        "back": shade(fill, -0.24),
        "fold": shade(fill, -0.5),
        "light": shade(fill, 0.55 if light else 0.3) if luminance(fill) < 0.8 else shade(fill, -0.1),
        "wood": clear or WOOD,
        "pin": clear if clear and contrast(clear, fill) > 1.8 else RED,
    }


def regular(f: Frame, n: int, start: float, inner: float = 1.0) -> list[Point]:
    """A regular polygon or, with `inner` below 1, a star of n points inscribed in the frame; start in radians."""
    points = []
    step = 1 if inner == 1 else 2
    for i in range(n * step):
        r = inner if step == 2 and i % 2 else 1.0
        a = start + 2 * math.pi * i / (n * step)
        points.append((f.cx + r * f.w / 2 * math.cos(a), f.cy + r * f.h / 2 * math.sin(a)))
    return points


def _rect(b: Brush, f: Frame, e: Element) -> None:
    b.rect(f, "fill")
    if e.accent:
        b.frame(f, "line", 3)
        b.frame(f.inset(5.5 * b.unit), "line", 1)


def _rounded(b: Brush, f: Frame, e: Element) -> None:
    radius = min(0.12 * f.m, 14 * b.unit)
    if e.accent:
        b.rect(f, "line", radius)
        b.rect(f.inset(3 * b.unit), "fill", radius - 3 * b.unit)
    else:
        b.rect(f, "fill", radius)


def _circle(b: Brush, f: Frame, e: Element) -> None:
    s = f.square
    b.disc(s, "edge")
    b.disc(s.inset(0.026 * s.w), "fill")
    b.ring(s.inset(0.048 * s.w), "line", 1.5)


def _burst(b: Brush, f: Frame, e: Element) -> None:
    s, n = f.square, 14 + 2 * (e.variant % 4)
    start = -math.pi / 2
    b.polygon(regular(s, n, start, 0.9), "edge")
    b.polygon(regular(s.inset(0.035 * s.w), n, start, 0.9), "fill")
    b.ring(s.inset(0.105 * s.w), "line", 1.5)


def _octagon(b: Brush, f: Frame, e: Element) -> None:
    s, start = f.square, math.pi / 8
    grow = 1 / math.cos(math.pi / 8)  # flat sides touch the box
    wide = s.inset((1 - grow) * s.w / 2)
    b.polygon(regular(wide, 8, start), "fill")
    b.polygon(regular(wide.inset(0.022 * s.w), 8, start), "edge")
    b.polygon(regular(wide.inset(0.052 * s.w), 8, start), "fill")


def _diamond(b: Brush, f: Frame, e: Element) -> None:
    s = f.square
    b.polygon(_soft_diamond(s, 0.06), "fill")
    b.polygon(_soft_diamond(s.inset(0.03 * s.w), 0.055), "line")
    b.polygon(_soft_diamond(s.inset(0.055 * s.w), 0.05), "fill")


def _soft_diamond(f: Frame, cut: float) -> list[Point]:
    """A square on its corner with rounded corners; cut = share of a side that a corner takes."""
    corners = [(f.cx, f.y0), (f.x1, f.cy), (f.cx, f.y1), (f.x0, f.cy)]
    points = []
    for i, (x, y) in enumerate(corners):
        before, after = corners[i - 1], corners[(i + 1) % 4]
        a = (x + (before[0] - x) * cut, y + (before[1] - y) * cut)
        c = (x + (after[0] - x) * cut, y + (after[1] - y) * cut)
        for t in (0.0, 0.25, 0.5, 0.75, 1.0):  # quadratic Bezier curve with the corner as its control point
            points.append(
                tuple((1 - t) ** 2 * p + 2 * t * (1 - t) * q + t * t * r for p, q, r in zip(a, (x, y), c, strict=True))
            )
    return points  # type: ignore[return-value]


STUB = 0.21  # share of a ticket's width behind the dashed line


def _ticket(b: Brush, f: Frame, e: Element) -> None:
    b.polygon(_notched(f, 0.075 * f.m), "fill")
    left = e.variant % 2 == 1
    x = f.x0 + f.w * (STUB if left else 1 - STUB)
    main = f.part(STUB, 0, 1, 1) if left else f.part(0, 0, 1 - STUB, 1)
    stub = f.part(0, 0, STUB, 1) if left else f.part(1 - STUB, 0, 1, 1)
    pad = 0.085 * f.m
    b.frame(main.inset(pad), "line", 1, 2 * b.unit)
    b.dashes((x, f.y0 + 0.05 * f.h), (x, f.y1 - 0.05 * f.h), "line", 1.5, 4 * b.unit)
    _barcode(b, stub.part(0.42 if left else 0.30, 0.2, 0.72 if left else 0.60, 0.8), e.variant)


def _notched(f: Frame, r: float) -> list[Point]:
    """A rectangle with a half circle of radius r cut out of the middle of the left and right side."""
    angles = [math.pi * (i / 16 - 0.5) for i in range(17)]
    right = [(f.x1 - r * math.cos(a), f.cy + r * math.sin(a)) for a in angles]
    left = [(f.x0 + r * math.cos(a), f.cy - r * math.sin(a)) for a in angles]
    c = 0.25 * r
    top = [(f.x0, f.y0 + c), (f.x0 + c, f.y0), (f.x1 - c, f.y0), (f.x1, f.y0 + c)]
    bottom = [(f.x1, f.y1 - c), (f.x1 - c, f.y1), (f.x0 + c, f.y1), (f.x0, f.y1 - c)]
    return [*top, *right, *bottom, *left]


def _barcode(b: Brush, f: Frame, variant: int) -> None:
    """Lying bars of varying height."""
    y, i = f.y0, variant
    while y < f.y1 - 3.2 * b.unit:
        bar = (1.0, 2.2, 1.0, 1.6, 3.0, 1.0)[i % 6] * b.unit
        b.rect(Frame(f.x0, y, f.x1, y + max(1.0, bar)), "line")
        y += bar + (1.4, 1.0, 2.0, 1.4)[i % 4] * b.unit
        i += 1


def _ribbon(b: Brush, f: Frame, e: Element) -> None:
    main = f.part(0.075, 0, 0.925, 0.84)
    drop, tail = 0.16 * f.h, 0.15 * f.w
    for side in (-1, 1):
        outer, fold = (f.x0, main.x0) if side < 0 else (f.x1, main.x1)
        inner = outer - side * tail
        notch = outer - side * 0.05 * f.w
        y0, y1 = f.y0 + drop, f.y1
        b.polygon([(inner, y0), (outer, y0), (notch, (y0 + y1) / 2), (outer, y1), (inner, y1)], "back")
        b.polygon([(fold, main.y1), (inner, main.y1), (inner, y1)], "fold")
    b.rect(main, "fill")
    for y in (main.y0 + 0.055 * f.h, main.y1 - 0.055 * f.h):
        b.stroke([(main.x0, y), (main.x1 - 1, y)], "line", 1)


def _speech(b: Brush, f: Frame, e: Element) -> None:
    body, radius, line = f.part(0, 0, 1, 0.8), min(0.17 * f.h, 26 * b.unit), 2.5
    start, tip = ((0.22, 0.17), (0.78, 0.83), (0.5, 0.42), (0.5, 0.58))[e.variant % 4]
    x, reach = f.x0 + start * f.w, max(0.045 * f.w, 4 * b.unit)
    point = (f.x0 + tip * f.w, f.y1 - b.px(line))
    base = body.y1 - 2 * b.px(line)
    b.rect(body, "line", radius)
    b.polygon([(x - reach, base), (x + reach, base), point], "fill")
    b.stroke([(x - reach, base), point, (x + reach, base)], "line", line)
    b.rect(body.inset(b.px(line)), "fill", radius - b.px(line))


def _sign(b: Brush, f: Frame, e: Element) -> None:
    radius = min(0.1 * f.m, 12 * b.unit)
    b.rect(f, "fill", radius)
    inner = f.inset(min(0.045 * f.m, 6 * b.unit))
    b.frame(inner, "line", 2, radius * 0.7)


def _note(b: Brush, f: Frame, e: Element) -> None:
    fold = 0.13 * f.m
    b.polygon([(f.x0, f.y0), (f.x1, f.y0), (f.x1, f.y1 - fold), (f.x1 - fold, f.y1), (f.x0, f.y1)], "fill")
    b.polygon([(f.x1, f.y1 - fold), (f.x1 - fold, f.y1 - fold), (f.x1 - fold, f.y1)], "back")
    if e.variant % 3 == 2:
        b.polygon(_strip(f), "light")
        return
    r = 0.028 * f.m
    y = f.y0 + 0.055 * f.m
    b.disc(Frame(f.cx - r * 0.7, y - r * 0.5, f.cx + r * 1.3, y + r * 1.5), "fold")
    b.disc(Frame(f.cx - r, y - r, f.cx + r, y + r), "pin")


def _strip(f: Frame) -> list[Point]:
    """A piece of tape across the top edge, a little askew."""
    w, h, k = 0.15 * f.w, 0.045 * f.m, 0.012 * f.m
    y = f.y0 + 0.058 * f.m
    return [(f.cx - w, y - h + k), (f.cx + w, y - h - k), (f.cx + w, y + h - k), (f.cx - w, y + h + k)]


def _book(b: Brush, f: Frame, e: Element) -> None:
    radius = 0.025 * f.m
    b.rect(f, "fold", radius)
    b.rect(f.part(0.012, 0.03, 0.975, 0.985), "light", radius)
    cover = f.part(0, 0, 0.965, 0.972)
    b.rect(cover, "fill", radius)
    spine = cover.part(0, 0, 0.085, 1)
    b.rect(spine, "back", radius)
    b.rect(spine.part(0.28, 0, 0.44, 1), "light")
    b.rect(spine.part(0.82, 0, 1, 1), "fold")
    if e.accent:
        b.frame(cover.part(0.125, 0.045, 0.955, 0.955), "line", 1, radius)


def _board(b: Brush, f: Frame, e: Element) -> None:
    rim = max(3 * b.unit, min(0.042 * f.m, 9 * b.unit))
    b.rect(f, "wood", 0.35 * rim)
    b.rect(f.inset(rim), "fill")
    for x, y, dx, dy in ((f.x0, f.y0, 1, 1), (f.x1, f.y0, -1, 1), (f.x0, f.y1, 1, -1), (f.x1, f.y1, -1, -1)):
        b.stroke([(x + dx * 0.3 * rim, y + dy * 0.3 * rim), (x + dx * rim, y + dy * rim)], "fold", 1)


_PAINTERS: dict[str, Callable[[Brush, Frame, Element], None]] = {
    "rect": _rect, "rounded": _rounded, "circle": _circle, "burst": _burst, "octagon": _octagon, "diamond": _diamond,
    "ticket": _ticket, "ribbon": _ribbon, "speech": _speech, "sign": _sign, "note": _note, "book": _book,
    "board": _board,
}  # fmt: skip

# Free region as shares: of the centred square for round shapes, of the box for the others.
_SAFE_SQUARE = {
    "circle": (0.17, 0.2, 0.83, 0.8),
    "burst": (0.2, 0.22, 0.8, 0.78),
    "octagon": (0.15, 0.2, 0.85, 0.8),
    "diamond": (0.24, 0.29, 0.76, 0.71),
}
_SAFE_BOX = {
    "ribbon": (0.105, 0.1, 0.895, 0.74),
    "speech": (0.06, 0.085, 0.94, 0.715),
    "note": (0.07, 0.135, 0.93, 0.86),
    "book": (0.15, 0.065, 0.92, 0.905),
}


def frame_of(box: Box, width: int) -> Frame:
    """A box in pixels of a canvas `width` pixels wide."""
    return Frame(box.x0 * width, box.y0 * width, box.x1 * width, box.y1 * width)


def panel_safe_box(element: Element) -> Box:
    """The region inside a panel where texts and objects may go."""
    f = frame_of(element.box, 1)
    if element.style in _SAFE_SQUARE:
        return Box.clipped(*f.square.part(*_SAFE_SQUARE[element.style]).corners)
    if element.style in _SAFE_BOX:
        return Box.clipped(*f.part(*_SAFE_BOX[element.style]).corners)
    if element.style == "ticket":
        main = f.part(STUB, 0, 1, 1) if element.variant % 2 else f.part(0, 0, 1 - STUB, 1)
        return Box.clipped(*main.inset(0.14 * f.m).corners)
    margins = {"rect": 0.05, "rounded": 0.06, "sign": 0.095, "board": 0.085}
    return Box.clipped(*f.inset(max(0.02, margins[element.style] * f.m)).corners)


def draw_panel(image: Image.Image, element: Element) -> None:
    """Paints a panel, flat, onto an RGB image whose width is that of the canvas."""
    _PAINTERS[element.style](Brush(image, panel_tones(element)), frame_of(element.box, image.width), element)


def panel_silhouette(element: Element, width: int) -> Image.Image:
    """Everything that a panel covers, without anti-aliasing: L (0 or 255), width x width."""
    image = Image.new("L", (width, width))
    _PAINTERS[element.style](Brush(image, dict.fromkeys(ROLES, 255)), frame_of(element.box, width), element)
    return image


def panel_mask(element: Element, size: int = 256) -> Image.Image:
    """Coverage of a panel: L, size x size."""
    return panel_silhouette(element, 2 * size).reduce(2)
