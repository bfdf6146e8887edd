"""Setting a phrase into a box: line breaks, letter size, positions and masks of the letters.

Positions are pixels of a canvas of `size` pixels. Both the canvas and the training pictures use these functions, so
that their letters coincide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import floor

from PIL import Image, ImageDraw

from pipelines.types import Align, Box
from pipelines.vlad.fonts import FontBook, default_fonts

SCALE = 2  # drawn larger by this factor, then reduced
MAX_LINES = 4
PITCH = 1.16  # line pitch over the height of the tallest line
MORE_LINES = 1.05  # a further line has to make the letters this much larger
WORD_SPACE = (1.25, 0.27, 0.45)  # factor on the font's space; least and most, in em
LEAST_PX = 4  # em, at SCALE


@dataclass(frozen=True)
class TextLine:
    """One set line.

    Attributes:
        text: its words. x: start of the first word, baseline: y of the baseline; pixels.
        box: where its ink lies, in [0, 1].
        words: (word, x offset from `x` in pixels).
    """

    text: str
    x: float
    baseline: float
    box: Box
    words: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Fitted:
    """A phrase set into a box.

    Attributes:
        lines: 1 to MAX_LINES lines, top to bottom.
        px: em in pixels of the canvas of `size` pixels.
        font: id of the font in use (a replacement if the wanted one lacks a character).
        size: width of the canvas in pixels.
        x_height: height of "x" in pixels on a canvas of 256 pixels.
    """

    lines: tuple[TextLine, ...]
    px: float
    font: str
    size: int
    x_height: float


@dataclass(frozen=True)
class _Row:
    """A measured line: words with their offsets, and ink extents, all in em."""

    words: tuple[tuple[str, float], ...]
    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left


def word_space(font_id: str, fonts: FontBook) -> float:
    """Distance between words in em: wider than the font's own, so that words stay apart when letters are small."""
    factor, least, most = WORD_SPACE
    own = fonts.measure(font_id, " ").advance
    return min(max(factor * own, least), max(most, own))


def fit_text(
    text: str, font_id: str | None, box: Box, fonts: FontBook | None = None, size: int = 256, align: Align = "center"
) -> Fitted:
    """Sets the text as large as the box allows, over 1 to MAX_LINES balanced lines, centred in height.

    Args:
        text: any string; whitespace separates words. Characters that no font has are left
            out; where nothing is left, "?" is set.
        font_id: None or an unknown id stands for the first font; a font without a character is replaced.
    """
    fonts = fonts or default_fonts()
    font_id = fonts.fallback(fonts.known(font_id), text) or fonts.known(font_id)
    absent = set(fonts.missing(font_id, text))
    words = "".join(c for c in text if c not in absent).split() or ["?"]  # never the empty box of a missing glyph
    rows, em = _largest(words, font_id, fonts, box)
    px = max(LEAST_PX, floor(em * size * SCALE)) / SCALE
    lines = _placed(rows, px, box, size, align)
    x_height = -fonts.measure(font_id, "x").top * px * 256 / size
    return Fitted(lines, px, font_id, size, x_height)


def _largest(words: Sequence[str], font_id: str, fonts: FontBook, box: Box) -> tuple[list[_Row], float]:
    """The rows and the em (share of the canvas) of the number of lines that gives the largest letters."""
    space = word_space(font_id, fonts)
    best: tuple[list[_Row], float] | None = None
    for count in range(1, min(MAX_LINES, len(words)) + 1):
        rows = [_row(line, font_id, fonts, space) for line in _split(words, count, font_id, fonts, space)]
        em = min(box.width / max(r.width for r in rows), box.height / _height(rows))
        if best is None or em > best[1] * MORE_LINES:
            best = rows, em
    assert best is not None
    return best


def _split(words: Sequence[str], count: int, font_id: str, fonts: FontBook, space: float) -> list[Sequence[str]]:
    """Partition into `count` lines with the least width of the widest line, then the most even ones."""
    if count == 1:
        return [words]
    edges = [0.0, *accumulate(fonts.measure(font_id, w).advance + space for w in words)]
    n = len(words)
    # best[j] = (widest, sum of squares, starts of the lines) for the first j words
    best: list[tuple[float, float, tuple[int, ...]]] = [(w, w**2, (0,)) for w in edges]
    for k in range(1, count):
        best = [
            min(
                (
                    (max(best[i][0], edges[j] - edges[i]), best[i][1] + (edges[j] - edges[i]) ** 2, (*best[i][2], i))
                    for i in range(k, j)
                ),
                default=best[j],
            )
            for j in range(n + 1)
        ]
    starts = best[n][2]
    return [words[a:b] for a, b in zip(starts, (*starts[1:], n), strict=True)]


def _row(words: Sequence[str], font_id: str, fonts: FontBook, space: float) -> _Row:
    extents = [fonts.measure(font_id, w) for w in words]
    offsets = [0.0, *accumulate(e.advance + space for e in extents)][:-1]
    return _Row(
        words=tuple(zip(words, offsets, strict=True)),
        left=extents[0].left,
        top=min(e.top for e in extents),
        right=max(max(x + e.right for x, e in zip(offsets, extents, strict=True)), extents[0].left + 0.05),
        bottom=max(0.0, *(e.bottom for e in extents)),
    )


def _pitch(rows: Sequence[_Row]) -> float:
    """Distance of baselines, em."""
    return PITCH * (max(r.bottom for r in rows) - min(r.top for r in rows))


def _height(rows: Sequence[_Row]) -> float:
    """Height of the block from the top of the first line to the bottom of the last, em; positive."""
    return max(0.05, _pitch(rows) * (len(rows) - 1) + rows[-1].bottom - rows[0].top)


def _placed(rows: Sequence[_Row], px: float, box: Box, size: int, align: Align) -> tuple[TextLine, ...]:
    """Lines at their places: the ink block is centred in the height of the box and aligned in its width."""
    pitch, height = _pitch(rows) * px, _height(rows) * px
    first = (box.y0 + box.y1) / 2 * size - height / 2 - rows[0].top * px
    share = {"left": 0.0, "center": 0.5, "right": 1.0}[align]
    lines = []
    for i, row in enumerate(rows):
        ink = box.x0 * size + share * (box.width * size - row.width * px)
        x, baseline = _snapped(ink - row.left * px), _snapped(first + i * pitch)
        found = [v / size for v in (ink, baseline + row.top * px, ink + row.width * px, baseline + row.bottom * px)]
        words = tuple((w, _snapped(offset * px)) for w, offset in row.words)
        text = " ".join(w for w, _ in row.words)
        lines.append(TextLine(text, x, baseline, Box.clipped(found[0], found[1], found[2], found[3], 0.01), words))
    return tuple(lines)


def _snapped(v: float) -> float:
    """To the pixel grid on which letters are drawn."""
    return round(v * SCALE) / SCALE


def letters(fitted: Fitted, fonts: FontBook | None = None, stroke: float = 0.0) -> tuple[Image.Image, tuple[int, int]]:
    """Coverage of the letters at SCALE.

    Args:
        stroke: width of an outline added around the letters, in em.

    Returns:
        (L image that holds the ink, (x, y) where its corner goes on a canvas of SCALE * size pixels).
    """
    font = (fonts or default_fonts()).load(fitted.font, round(fitted.px * SCALE))
    width = max(1.0, stroke * fitted.px * SCALE) if stroke else 0.0
    pad = int(width) + 4
    x0, y0, x1, y1 = ink_box(fitted)
    origin = floor(x0) - pad, floor(y0) - pad
    image = Image.new("L", (int(x1) - origin[0] + pad + 1, int(y1) - origin[1] + pad + 1))
    draw = ImageDraw.Draw(image)
    for line in fitted.lines:
        y = line.baseline * SCALE - origin[1]
        for word, dx in line.words:
            at = ((line.x + dx) * SCALE - origin[0], y)
            draw.text(at, word, fill=255, font=font, anchor="ls", stroke_width=width)
    return image, origin


def ink_box(fitted: Fitted) -> tuple[float, float, float, float]:
    """Box around all lines, in pixels at SCALE."""
    k = fitted.size * SCALE
    boxes = [line.box for line in fitted.lines]
    return (
        min(b.x0 for b in boxes) * k,
        min(b.y0 for b in boxes) * k,
        max(b.x1 for b in boxes) * k,
        max(b.y1 for b in boxes) * k,
    )


def text_mask(fitted: Fitted, fonts: FontBook | None = None) -> Image.Image:
    """Coverage of the letters on the whole canvas: L, size x size."""
    image, origin = letters(fitted, fonts)
    whole = Image.new("L", (fitted.size * SCALE,) * 2)
    whole.paste(image, origin)
    return whole.reduce(SCALE)
