"""Elements as numbers: what the layout generator denoises (a slot), what it is told (hints), and back again.

A slot is SLOT numbers, all about [-1, 1]: box (cx, cy, w, h), colour, whether there is an accent, accent, style, font
category, alignment. Styles, categories and alignments are one-hot "analog bits" (1 for the chosen, -1 otherwise).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.colours import to_hex, to_rgb
from pipelines.types import ALIGNS, KINDS, STYLES, Box, Element
from pipelines.vlad.fonts import FONT_CATEGORIES, FontBook

PLACES = ("top", "bottom", "left", "right", "centre", "top left", "top right", "bottom left", "bottom right")
STYLE_WIDTH = max(len(s) for s in STYLES.values())

BOX = slice(0, 4)
COLOUR = slice(4, 7)
HAS_ACCENT = slice(7, 8)
ACCENT = slice(8, 11)
STYLE = slice(11, 11 + STYLE_WIDTH)
FONT = slice(STYLE.stop, STYLE.stop + len(FONT_CATEGORIES))
ALIGN = slice(FONT.stop, FONT.stop + len(ALIGNS))
SLOT = ALIGN.stop
GROUPS = {"box": BOX, "colour": COLOUR, "accent": slice(7, 11), "style": STYLE, "font": FONT, "align": ALIGN}
HINTS = len(KINDS) + len(PLACES) + 9
SLOT_WEIGHT = np.ones(SLOT, np.float32)
SLOT_WEIGHT[BOX] = 6.0
SLOT_WEIGHT[COLOUR] = 2.0
SLOT_WEIGHT[STYLE] = SLOT_WEIGHT[FONT] = 0.3


@dataclass(frozen=True)
class Wish:
    """An element as the prompt asks for it: an `Element` with some parts still open.

    Attributes:
        element: kind, text, span and every known field.
        known: which of GROUPS are fixed.
        place: one of PLACES, or "".
        copy, copies: this is the copy-th (from 0) of so many equal objects.
        category: font category, "" if open.
    """

    element: Element
    known: frozenset[str] = frozenset()
    place: str = ""
    copy: int = 0
    copies: int = 1
    category: str = ""


def one_hot(index: int, width: int) -> np.ndarray:
    """-1 everywhere, 1 at index; (width,) float32."""
    v = np.full(width, -1.0, np.float32)
    v[index] = 1.0
    return v


def signed(colour: str | None) -> np.ndarray:
    """ "#rrggbb" -> (3,) in [-1, 1]; zeros for None."""
    return np.array(to_rgb(colour), np.float32) * (2 / 255) - 1 if colour else np.zeros(3, np.float32)


def encode_slot(element: Element, category: str) -> np.ndarray:
    """(SLOT,) float32. Font and alignment are zeros for what is not text; so is the style for what has one only."""
    z = np.zeros(SLOT, np.float32)
    b = element.box
    cx, cy = b.centre
    z[BOX] = np.array([cx, cy, b.width, b.height], np.float32) * 2 - 1
    z[COLOUR] = signed(element.colour)
    z[HAS_ACCENT] = 1.0 if element.accent else -1.0
    z[ACCENT] = signed(element.accent)
    z[STYLE] = one_hot(STYLES[element.kind].index(element.style), STYLE_WIDTH)
    if element.kind == "text":
        if category in FONT_CATEGORIES:
            z[FONT] = one_hot(FONT_CATEGORIES.index(category), len(FONT_CATEGORIES))
        z[ALIGN] = one_hot(ALIGNS.index(element.align), len(ALIGNS))
    return z


def encode_hints(wish: Wish, order: int, texts_before: int) -> np.ndarray:
    """(HINTS,) float32: kind, asked place, length of the text, copy number, order."""
    e = wish.element
    words = e.text.split() if e.kind == "text" else []
    longest = max((len(w) for w in words), default=0)
    place = [1.0 if wish.place == p else 0.0 for p in PLACES]
    lengths = [len(e.text) / 20, len(words) / 4, longest / 10] if words else [0.0, 0.0, 0.0]
    upper = 1.0 if words and e.text.upper() == e.text else 0.0
    copy = [wish.copy / 4, wish.copies / 4, order / 6, texts_before / 3, 1.0]
    return np.array([*(1.0 if e.kind == k else 0.0 for k in KINDS), *place, *lengths, upper, *copy], np.float32)


def encode(wishes: Sequence[Wish]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slots (M, SLOT), fixed (M, SLOT) in {0, 1} and hints (M, HINTS), float32."""
    slots, fixed, hints, texts = [], [], [], 0
    for order, w in enumerate(wishes):
        slots.append(encode_slot(w.element, w.category))
        mask = np.zeros(SLOT, np.float32)
        for group in w.known:
            mask[GROUPS[group]] = 1.0
        fixed.append(mask)
        hints.append(encode_hints(w, order, texts))
        texts += w.element.kind == "text"
    return np.stack(slots), np.stack(fixed), np.stack(hints)


def decode_slot(z: np.ndarray, wish: Wish, fonts: FontBook, pick: int) -> Element:
    """The element a slot stands for; known parts come from the wish itself.

    Args:
        z: (SLOT,). pick: which font of the chosen category (modulo their number).
    """
    e, known = wish.element, wish.known
    fields: dict[str, object] = {}
    if "box" not in known:
        cx, cy, w, h = (float(v) for v in (z[BOX] + 1) / 2)
        fields["box"] = Box.clipped(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, 0.04)
    if "colour" not in known:
        fields["colour"] = to_hex(tuple((z[COLOUR] + 1) * 127.5))
    if "accent" not in known:
        fields["accent"] = to_hex(tuple((z[ACCENT] + 1) * 127.5)) if z[HAS_ACCENT][0] > 0 else None
    if "style" not in known:
        styles = STYLES[e.kind]
        fields["style"] = styles[int(np.argmax(z[STYLE][: len(styles)]))]
    if e.kind == "text":
        if "align" not in known:
            fields["align"] = ALIGNS[int(np.argmax(z[ALIGN]))]
        if "font" not in known:
            category = wish.category or FONT_CATEGORIES[int(np.argmax(z[FONT]))]
            ids = [i for i in fonts.of(category) if not fonts.missing(i, e.text)] or list(fonts.of("sans-serif"))
            fields["font"] = fonts.fallback(ids[pick % len(ids)], e.text) or ids[pick % len(ids)]
    return dataclasses.replace(e, **fields)  # type: ignore[arg-type]


def cover(elements: Sequence[Element], size: int = 32) -> np.ndarray:
    """Share of each latent cell that each element's box covers: (M, size, size) float32."""
    edges = np.arange(size + 1, dtype=np.float32) / size

    def along(low: float, high: float) -> np.ndarray:
        return np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) * size

    return np.stack([np.outer(along(e.box.y0, e.box.y1), along(e.box.x0, e.box.x1)) for e in elements]).astype(
        np.float32
    )
