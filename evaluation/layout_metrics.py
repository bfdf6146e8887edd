"""Scores of a planned layout alone, and of the background colour on the picture drawn from it.

`understanding` is what `pipelines.vlad.prompt.understand` returns: `parts` (kind, text, span, count, colour, place) and
`relations` (i, "left of" | "above", j) over the parts. A score is None where the prompt asks for nothing of its kind.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from PIL import Image

from evaluation.metrics import mean_or_none
from pipelines.colours import COLOURS, distance, name_of, to_rgb
from pipelines.types import Box, Element, Layout
from pipelines.vlad.word_scores import normalised

LETTER_WIDTH = 0.56  # mean advance of a letter, in letter sizes
LINE_PITCH = 1.16  # distance of base lines, in letter sizes
POSITION_THRESHOLD = 0.1  # GenEval: overlap of the boxes' sizes that is forgiven
SHADE = 32.0  # colour distance that shading makes on one colour
MOST = 0.5  # share of pixels that decides
BORDER = 0.08  # width of the frame whose colour is the background's, as a share of the picture
# Named colours a visitor would accept as the one asked for; shading makes white greyish and black lighter.
FAMILIES: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split(", "))
    for names in (
        "red, maroon",
        "red, coral",
        "coral, orange, peach",
        "pink, light pink, hot pink",
        "coral, pink",
        "yellow, gold",
        "gold, orange",
        "cream, beige, peach",
        "cream, white, light gray",
        "brown, maroon",
        "beige, brown",
        "green, dark green, lime green, olive",
        "green, mint, lime green",
        "teal, turquoise",
        "teal, dark green",
        "blue, sky blue, light blue, navy blue",
        "turquoise, sky blue",
        "purple, dark purple, lavender",
        "gray, light gray, charcoal",
        "charcoal, black",
        "navy blue, charcoal",
        "dark purple, black",
    )
)


def family(name: str) -> frozenset[str]:
    """The named colour and those close enough to pass for it."""
    return frozenset({name}).union(*(f for f in FAMILIES if name in f))


def words_covered(words: Sequence[str], layout: Layout) -> float | None:
    """Share of the quoted words (multiset, case and edge punctuation ignored) that some text box holds."""
    want = Counter(normalised(words))
    have = Counter(w for e in layout.texts for w in normalised([e.text]))
    return sum((want & have).values()) / want.total() if want else None


def inside_canvas(layout: Layout) -> float | None:
    """Share of texts and objects whose box lies on the canvas and does not cover it all."""
    boxes = _boxes(layout, "text", "object")
    return mean_or_none([float(0 <= b.x0 < b.x1 <= 1 and 0 <= b.y0 < b.y1 <= 1 and b.area < 0.98) for b in boxes])


def overlap(layout: Layout) -> dict[str, float | None]:
    """Pairwise overlap of texts and objects.

    Returns:
        mean_iou and max_iou over all pairs; free: share of pairs that share less than 2 % of the smaller box.
    """
    pairs = list(combinations(_boxes(layout, "text", "object"), 2))
    ious = [a.iou(b) for a, b in pairs]
    free = [float(a.intersection(b) < 0.02 * min(a.area, b.area)) for a, b in pairs]
    return {
        "mean_iou": mean_or_none(ious),
        "max_iou": max(ious) if ious else None,
        "free": mean_or_none(free),
    }


def aspect_fit(element: Element) -> float:
    """How well the proportions of a text's box suit its length: 1 = letters can fill it, near 0 = mostly empty.

    n letters on k lines (k = 1 to 4, no more than words) want width : height = LETTER_WIDTH * n / k : LINE_PITCH * k.
    The fit is the smaller of the box's and the wanted ratio divided by the larger, for the best k.
    """
    n, words = len(element.text), max(1, len(element.text.split()))
    ratio = element.box.width / element.box.height
    wanted = [LETTER_WIDTH * math.ceil(n / k) / (LINE_PITCH * k) for k in range(1, min(4, words) + 1)]
    return max(min(ratio / w, w / ratio) for w in wanted)


def reading_order(understanding: Any, layout: Layout) -> float | None:
    """Share of texts that follow each other in the prompt and are read in that order in the picture.

    Read later = lower, or on the same line and further right. Texts that the prompt itself places are left out.
    """
    placed = {_key(p) for p in understanding.parts if p.kind == "text" and p.place}
    texts = [e for e in layout.texts if e.span and (e.span, e.text) not in placed and (e.span, "") not in placed]
    texts.sort(key=lambda e: e.span or (0, 0))
    return mean_or_none([float(_reads_after(a.box, b.box)) for a, b in pairwise(texts)])


def _reads_after(a: Box, b: Box) -> bool:
    """Whether `b` is read after `a`."""
    shared = min(a.y1, b.y1) - max(a.y0, b.y0)
    if shared > 0.5 * min(a.height, b.height):
        return b.centre[0] >= a.centre[0]
    return b.centre[1] >= a.centre[1]


def relative_position(a: Box, b: Box) -> set[str]:
    """GenEval's position rule: where `a` lies seen from `b`, some of left of, right of, above, below.

    offset = centre(a) - centre(b); each component is reduced by 0.1 of the summed sizes and divided by |offset|; a
    component beyond +-0.5 decides.
    """
    offset = np.subtract(a.centre, b.centre)
    sizes = np.array([a.width + b.width, a.height + b.height])
    reduced = np.sign(offset) * np.maximum(np.abs(offset) - POSITION_THRESHOLD * sizes, 0)
    if np.all(np.abs(reduced) < 1e-3):
        return set()
    dx, dy = reduced / np.linalg.norm(offset)
    rules = (("left of", dx < -0.5), ("right of", dx > 0.5), ("above", dy < -0.5), ("below", dy > 0.5))
    return {name for name, holds in rules if holds}


def relations_obeyed(understanding: Any, layout: Layout) -> list[bool]:
    """Per spatial relation of the prompt: whether the boxes (of a group: their hull) obey it by GenEval's rule."""
    found = []
    for i, relation, j in understanding.relations:
        a, b = (_hull(elements_of(understanding.parts[k], layout)) for k in (i, j))
        found.append(a is not None and b is not None and relation in relative_position(a, b))
    return found


def places_obeyed(understanding: Any, layout: Layout) -> list[bool]:
    """Per text or object with a place ("top", "bottom left", "centre", ...): whether its centre lies there."""
    found = []
    for part in understanding.parts:
        if part.place and part.kind in ("text", "object"):
            box = _hull(elements_of(part, layout))
            found.append(box is not None and in_place(box, part.place))
    return found


def in_place(box: Box, place: str) -> bool:
    """Whether the centre of `box` lies in the named part: beyond the middle for a side, the middle 40 % for centre."""
    x, y = box.centre
    tests = {
        "top": y < 0.5,
        "bottom": y > 0.5,
        "left": x < 0.5,
        "right": x > 0.5,
        "centre": 0.3 <= x <= 0.7 and 0.3 <= y <= 0.7,
    }
    return all(tests[word] for word in place.split() if word in tests)


def counts_obeyed(understanding: Any, layout: Layout, least: int = 1) -> list[bool]:
    """Per object the prompt asks for at least `least` times: whether exactly as many boxes were placed."""
    objects = [p for p in understanding.parts if p.kind == "object" and p.count >= least]
    return [len(elements_of(part, layout)) == part.count for part in objects]


def elements_of(part: Any, layout: Layout) -> list[Element]:
    """The elements planned for a part: same kind and same span in the prompt; without spans the same text."""
    same = [e for e in layout.elements if e.kind == part.kind and part.span and e.span == tuple(part.span)]
    named = [e for e in same if e.text == part.text]
    return named or same or [e for e in layout.elements if e.kind == part.kind and e.text == part.text]


def score_layout(words: Sequence[str], understanding: Any, layout: Layout) -> dict[str, Any]:
    """All scores of one layout; lists hold one truth value per thing asked for."""
    return {
        "words_covered": words_covered(words, layout),
        "inside_canvas": inside_canvas(layout),
        "overlap": overlap(layout),
        "aspect_fit": mean_or_none([aspect_fit(e) for e in layout.texts]),
        "reading_order": reading_order(understanding, layout),
        "relations": relations_obeyed(understanding, layout),
        "places": places_obeyed(understanding, layout),
        "counts": counts_obeyed(understanding, layout),
        "counts_of_several": counts_obeyed(understanding, layout, least=2),
    }


def summarise_layouts(scores: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over layouts; relations, places and counts pooled over all that the prompts ask for, with their number."""
    single = ("words_covered", "inside_canvas", "aspect_fit", "reading_order")
    out: dict[str, Any] = {name: mean_or_none([s[name] for s in scores]) for name in single}
    for name in ("mean_iou", "max_iou", "free"):
        out[f"overlap_{name}"] = mean_or_none([s["overlap"][name] for s in scores])
    for name in ("relations", "places", "counts", "counts_of_several"):
        pooled = [float(v) for s in scores for v in s[name]]
        out[f"{name}_obeyed"] = mean_or_none(pooled)
        out[f"{name}_asked"] = len(pooled)
    out["layouts"] = len(scores)
    return out


def asked_background(understanding: Any) -> str | None:
    """The background colour the prompt names, "#rrggbb"; None without one and for photographs and textures."""
    grounds = (p for p in understanding.parts if p.kind == "background" and p.style not in ("photo", "texture"))
    return next((p.colour for p in grounds if p.colour), None)


def background_colour(image: Image.Image, layout: Layout, asked: str) -> dict[str, Any]:
    """Whether the picture's border region shows the asked colour.

    The region is a frame of BORDER of the picture without planned panels, objects and texts (the whole frame if those
    cover it).

    Returns:
        asked and seen: nearest named colours; obeyed: most of the region's pixels are named like one of the asked
        colour's family, or its mean colour is, or the mean is no further from it than SHADE (a pattern or a border that
        the prompt asks for as well moves the mean); pixels: share of the region's pixels named like one of the family;
        distance: weighted colour distance of mean and asked.
    """
    pixels = _border_pixels(image, layout)
    wanted = name_of(to_rgb(asked))
    average = tuple(float(v) for v in pixels.mean(0))
    names = list(COLOURS)
    table = np.array([COLOURS[n] for n in names], float)
    gaps = (np.array([0.9, 1.4, 0.7]) * (pixels[:, None] - table) ** 2).sum(-1)
    accepted = [n in family(wanted) for n in names]
    gap, share = distance(average, to_rgb(asked)), float(np.array(accepted)[gaps.argmin(1)].mean())
    return {
        "asked": wanted,
        "seen": name_of(average),
        "obeyed": share > MOST or name_of(average) in family(wanted) or gap <= SHADE,
        "pixels": round(share, 4),
        "distance": round(gap, 2),
    }


def _border_pixels(image: Image.Image, layout: Layout) -> np.ndarray:
    """(K, 3) colours of the frame in [0, 255]."""
    rgb = np.asarray(image.convert("RGB"), float)
    height, width = rgb.shape[:2]
    frame = np.ones((height, width), bool)
    dy, dx = max(1, round(BORDER * height)), max(1, round(BORDER * width))
    frame[dy:-dy, dx:-dx] = False
    free = frame.copy()
    for box in _boxes(layout, "panel", "object", "text"):
        x0, x1, y0, y1 = (int(v) for v in (box.x0 * width, box.x1 * width, box.y0 * height, box.y1 * height))
        free[y0 : y1 + 1, x0 : x1 + 1] = False
    return rgb[free if free.sum() > 0.05 * frame.sum() else frame]


def summarise_colours(scores: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over the pictures whose prompt names a background colour."""
    return {
        "obeyed": mean_or_none([float(_obeyed(s)) for s in scores]),
        "pixels": mean_or_none([s["pixels"] for s in scores]),
        "distance": mean_or_none([s["distance"] for s in scores]),
        "images": len(scores),
        "missed": dict(Counter(f"{s['asked']} -> {s['seen']}" for s in scores if not _obeyed(s))),
    }


def _obeyed(score: dict[str, Any]) -> bool:
    """Also of scores that were taken while the mean alone decided."""
    return bool(score["obeyed"] or score["pixels"] > MOST)


def _boxes(layout: Layout, *kinds: str) -> list[Box]:
    return [e.box for e in layout.elements if e.kind in kinds]


def _hull(elements: Sequence[Element]) -> Box | None:
    """Smallest box around all elements."""
    boxes = [e.box for e in elements]
    if not boxes:
        return None
    return Box(min(b.x0 for b in boxes), min(b.y0 for b in boxes), max(b.x1 for b in boxes), max(b.y1 for b in boxes))


def _key(part: Any) -> tuple[Any, str]:
    return (tuple(part.span) if part.span else None, part.text)
