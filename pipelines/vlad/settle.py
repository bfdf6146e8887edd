"""Last touch on sampled boxes: inside their panel and the canvas, apart from each other, where the prompt wants them.
Pure geometry, no torch; colours are `pipelines.vlad.readability`'s."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pipelines.types import FULL, Box, Element
from pipelines.vlad.canvas import fit_text, panel_safe_box
from pipelines.vlad.fonts import FontBook

MARGIN = 0.045  # of the canvas, kept free at its edge
BORDERED = 0.085  # the same where a border is drawn there
GAP = 0.02  # between two boxes
SNAP = 0.06  # what is this near to a line is put on it
GROWTH = 6  # steps of 5 % by which what is small may grow into free room
COMFORTABLE = 20.0  # x-height in pixels from which a text need not grow
LETTERS = 11.0  # x-height in pixels below which a text is enlarged if there is room

CENTRES = {"left": 0.24, "right": 0.76, "top": 0.2, "bottom": 0.8, "centre": 0.5}


def settle(
    elements: Sequence[Element],
    relations: Sequence[tuple[Sequence[int], str, Sequence[int]]],
    places: Sequence[str],
    fonts: FontBook,
    local: bool = True,
) -> list[Element]:
    """Move as little as possible until the layout keeps its rules.

    Args:
        elements: sampled elements; locked ones never move.
        relations: (indices, "left of" | "above", indices) between groups of elements.
        places: asked place of each element or "".
        local: False for the ablation without CCM, which knows nothing of single elements: no relations, no places, and
            no box made larger because of what it holds.
    """
    if not local:
        relations, places = [], [""] * len(elements)
    elements = [_centred(e) if e.kind == "panel" and not e.locked else e for e in elements]
    boxes = [list(e.box.as_list()) for e in elements]
    free = [e.kind in ("text", "object") and not e.locked for e in elements]
    solid = [e.kind in ("text", "object") for e in elements]
    homes = containers(elements)
    for i, place in enumerate(places):
        if place and free[i]:
            _move_to(boxes[i], place, homes[i])
    _tidy(boxes, elements, free, homes, places)
    for first, word, second in relations:
        if all(free[i] for i in (*first, *second)):
            _relate(boxes, first, second, 0 if word == "left of" else 1)
    for i, e in enumerate(elements):
        if free[i]:
            _inside(boxes[i], homes[i])
            if e.kind == "text" and local:
                _enlarge(boxes[i], e, homes[i], fonts)
    for attempt in range(6):
        if _separate(boxes, solid, free, homes):
            break
        for i, e in enumerate(elements):
            if free[i]:
                _scale(boxes[i], 0.88 if e.kind == "object" else 0.95 if attempt > 2 else 1.0)
    if local:
        _grow(boxes, elements, solid, free, homes, fonts)
    return [
        dataclasses.replace(e, box=Box.clipped(*(round(v, 4) for v in b))) for e, b in zip(elements, boxes, strict=True)
    ]


def containers(elements: Sequence[Element]) -> list[Box]:
    """The region each element must stay in: its panel's safe box, or the canvas less its margin or border."""
    bordered = any(e.kind == "background" and e.style == "border" for e in elements)
    margin = BORDERED if bordered else MARGIN
    page = Box(margin, margin, 1 - margin, 1 - margin)
    panels = [e for e in elements if e.kind == "panel"]
    titles = [i for i, e in enumerate(elements) if e.kind == "text"][:1]
    out = []
    for i, e in enumerate(elements):
        home = page
        for p in panels:
            x, y = e.box.centre
            inside = p.box.x0 <= x <= p.box.x1 and p.box.y0 <= y <= p.box.y1
            if e.kind == "object" and p.style == "ribbon":
                home = _beside(p.box, page)
            elif e.kind in ("text", "object") and (inside or (i in titles and p is panels[0])):
                home = panel_safe_box(p)
        out.append(FULL if e.kind == "background" else home)
    return out


def _centred(panel: Element) -> Element:
    """A panel that lies nearly in the middle, moved right there."""
    b = panel.box
    (x, y), w, h = b.centre, b.width, b.height
    x, y = (0.5 if abs(v - 0.5) < SNAP else v for v in (x, y))
    return dataclasses.replace(panel, box=Box.clipped(x - w / 2, y - h / 2, x + w / 2, y + h / 2))


def _tidy(
    boxes: list[list[float]],
    elements: Sequence[Element],
    free: Sequence[bool],
    homes: Sequence[Box],
    places: Sequence[str],
) -> None:
    """Equal things get one size, objects that nearly share a line share it, and what is nearly centred is centred."""
    objects = [i for i, e in enumerate(elements) if e.kind == "object" and free[i]]
    for name in {elements[i].text for i in objects}:
        _equal_sizes([boxes[i] for i in objects if elements[i].text == name])
    rows = _rows(boxes, objects, elements)
    for row in rows:
        middle = sum(boxes[i][1] + boxes[i][3] for i in row) / (2 * len(row))
        for i in row:
            _shift(boxes[i], 1, middle - (boxes[i][1] + boxes[i][3]) / 2)
    groups = [*rows, *[[i] for i, e in enumerate(elements) if e.kind == "text" and free[i]]]
    for group in groups:
        home = homes[group[0]]
        centre = (min(boxes[i][0] for i in group) + max(boxes[i][2] for i in group)) / 2
        off = home.centre[0] - centre
        if abs(off) < 1.5 * SNAP and not any(places[i] for i in group):
            for i in group:
                _shift(boxes[i], 0, off)


def _rows(boxes: list[list[float]], indices: Sequence[int], elements: Sequence[Element]) -> list[list[int]]:
    """Groups that stand side by side, their middles within half a box in height (a whole one for equal objects)."""
    rows: list[list[int]] = []
    for i in sorted(indices, key=lambda i: boxes[i][1] + boxes[i][3]):
        y, h = (boxes[i][1] + boxes[i][3]) / 2, boxes[i][3] - boxes[i][1]
        row = None
        for r in rows:
            near = 1.0 if all(elements[k].text == elements[i].text for k in r) else 0.5
            if abs(y - (boxes[r[0]][1] + boxes[r[0]][3]) / 2) < near * h:
                row = r
        if row is not None and all(_depth(boxes[i], boxes[k])[0] < 0.5 * h for k in row):
            row.append(i)
        else:
            rows.append([i])
    return rows


def _equal_sizes(same: list[list[float]]) -> None:
    """Give boxes their mean width and height about their centres."""
    if len(same) < 2:
        return
    size = [sum(b[k + 2] - b[k] for b in same) / len(same) for k in (0, 1)]
    for b in same:
        for k in (0, 1):
            c = (b[k] + b[k + 2]) / 2
            b[k], b[k + 2] = c - size[k] / 2, c + size[k] / 2


def _shift(b: list[float], axis: int, by: float) -> None:
    b[axis] += by
    b[axis + 2] += by


def _grow(
    boxes: list[list[float]],
    elements: Sequence[Element],
    solid: Sequence[bool],
    free: Sequence[bool],
    homes: Sequence[Box],
    fonts: FontBook,
) -> None:
    """Let small texts and objects use free room about them, copies of one object together."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i, e in enumerate(elements):
        if free[i] and not (e.kind == "text" and _x_height(boxes[i], e, fonts) >= COMFORTABLE):
            groups.setdefault((e.kind, e.text if e.kind == "object" else str(i)), []).append(i)
    for _ in range(GROWTH):
        for (kind, _name), group in groups.items():
            small = kind == "text" or max(boxes[i][2] - boxes[i][0] for i in group) < 0.42
            before = [list(boxes[i]) for i in group]
            for i in group:
                _scale(boxes[i], 1.05)
            if not small or not all(_fits(boxes, i, solid, homes[i]) for i in group):
                for i, b in zip(group, before, strict=True):
                    boxes[i][:] = b


def _fits(boxes: list[list[float]], i: int, solid: Sequence[bool], home: Box) -> bool:
    """Whether a box lies in its container and at a distance from every other solid one."""
    b = boxes[i]
    if b[0] < home.x0 or b[1] < home.y0 or b[2] > home.x1 or b[3] > home.y1:
        return False
    return all(min(_depth(b, boxes[j])) <= GAP / 2 for j, s in enumerate(solid) if s and j != i)


def _x_height(b: list[float], e: Element, fonts: FontBook) -> float:
    return fit_text(e.text, e.font or "", Box.clipped(*b), fonts).x_height


def _beside(band: Box, page: Box) -> Box:
    """The larger of the two regions above and below a band."""
    above, below = band.y0 - GAP - page.y0, page.y1 - band.y1 - GAP
    if max(above, below) < 0.12:
        return page
    return (
        Box(page.x0, page.y0, page.x1, band.y0 - GAP)
        if above > below
        else Box(page.x0, band.y1 + GAP, page.x1, page.y1)
    )


def _move_to(b: list[float], place: str, home: Box) -> None:
    """Centre the box where the word says, measured in its container."""
    words = place.split()
    w, h = b[2] - b[0], b[3] - b[1]
    x = next((CENTRES[p] for p in words if p in ("left", "right")), 0.5 if place == "centre" else None)
    y = next((CENTRES[p] for p in words if p in ("top", "bottom")), 0.5 if place == "centre" else None)
    if x is not None:
        w = min(w, 0.55 if x != 0.5 else 1.0)
        cx = home.x0 + x * home.width
        b[0], b[2] = cx - w / 2, cx + w / 2
    if y is not None:
        h = min(h, 0.4 if y != 0.5 else 1.0)
        cy = home.y0 + y * home.height
        b[1], b[3] = cy - h / 2, cy + h / 2


def _relate(boxes: list[list[float]], first: Sequence[int], second: Sequence[int], axis: int) -> None:
    """Let the first group lie before the second along an axis: mirror both, or give each one half of their region."""
    both = [*first, *second]
    low = min(boxes[i][axis] for i in both)
    high = max(boxes[i][axis + 2] for i in both)

    def ends(group: Sequence[int]) -> tuple[float, float]:
        return min(boxes[i][axis] for i in group), max(boxes[i][axis + 2] for i in group)

    if ends(second)[1] <= ends(first)[0] + 0.02:
        for i in both:
            boxes[i][axis], boxes[i][axis + 2] = low + high - boxes[i][axis + 2], low + high - boxes[i][axis]
    if ends(first)[1] <= ends(second)[0] + 0.02:
        return
    if high - low < 0.45:
        middle = min(0.7, max(0.3, (low + high) / 2))
        low, high = middle - 0.3, middle + 0.3
    half = (low + high) / 2
    for group, start, stop in ((first, low, half - GAP / 2), (second, half + GAP / 2, high)):
        a, z = ends(group)
        k = min(1.0, (stop - start) / max(z - a, 1e-6))
        for i in group:
            for j in (axis, axis + 2):
                boxes[i][j] = (start + stop) / 2 + (boxes[i][j] - (a + z) / 2) * k
            other = 1 - axis
            c = (boxes[i][other] + boxes[i][other + 2]) / 2
            for j in (other, other + 2):
                boxes[i][j] = c + (boxes[i][j] - c) * max(k, 0.7)


def _inside(b: list[float], home: Box) -> None:
    """Shift, and if need be shrink, a box into its container."""
    for axis, (low, high) in enumerate(((home.x0, home.x1), (home.y0, home.y1))):
        size = min(b[axis + 2] - b[axis], high - low)
        start = min(max((b[axis] + b[axis + 2] - size) / 2, low), high - size)
        b[axis], b[axis + 2] = start, start + size


def _enlarge(b: list[float], e: Element, home: Box, fonts: FontBook) -> None:
    """Grow a text's box about its centre until its letters can be read, as far as its container allows."""
    for _ in range(12):
        if _x_height(b, e, fonts) >= LETTERS:
            return
        _scale(b, 1.18)
        _inside(b, home)


def _scale(b: list[float], k: float) -> None:
    for axis in (0, 1):
        c, half = (b[axis] + b[axis + 2]) / 2, (b[axis + 2] - b[axis]) / 2 * k
        b[axis], b[axis + 2] = c - half, c + half


def _separate(
    boxes: list[list[float]], solid: Sequence[bool], free: Sequence[bool], homes: Sequence[Box], rounds: int = 24
) -> bool:
    """Push overlapping solid boxes apart along the shorter way that has room; True when none overlaps any more."""
    pairs = [(i, j) for i, s in enumerate(solid) if s for j in range(i + 1, len(solid)) if solid[j]]
    pairs = [(i, j) for i, j in pairs if free[i] or free[j]]
    for _ in range(rounds):
        clear = True
        for i, j in pairs:
            depth = _depth(boxes[i], boxes[j])
            if min(depth) <= GAP / 2:
                continue
            clear = False
            for axis in sorted((0, 1), key=lambda k: depth[k]):
                if _push(boxes, i, j, axis, depth[axis], free, homes):
                    break
        if clear:
            return True
    return False


def _depth(a: list[float], b: list[float]) -> list[float]:
    """How far two boxes reach into each other along x and y, the gap between boxes counted in."""
    return [min(a[k + 2], b[k + 2]) - max(a[k], b[k]) + GAP for k in (0, 1)]


def _push(
    boxes: list[list[float]], i: int, j: int, k: int, depth: float, free: Sequence[bool], homes: Sequence[Box]
) -> bool:
    """Move the free ones of a pair apart along one axis, to either side; False, and nothing moved, if no help."""
    before = list(boxes[i]), list(boxes[j])
    first = 1 if boxes[i][k] + boxes[i][k + 2] <= boxes[j][k] + boxes[j][k + 2] else -1
    share = depth / (free[i] + free[j])
    for sign in (first, -first):
        extra = 0.0 if sign == first else (boxes[i][k + 2] - boxes[i][k] + boxes[j][k + 2] - boxes[j][k]) - depth
        for n, way in ((i, -sign), (j, sign)):
            if free[n]:
                step = way * (share + max(0.0, extra) / (free[i] + free[j]))
                boxes[n][k], boxes[n][k + 2] = boxes[n][k] + step, boxes[n][k + 2] + step
                _inside(boxes[n], homes[n])
        if _depth(boxes[i], boxes[j])[k] < 0.6 * depth:
            return True
        boxes[i][:], boxes[j][:] = before
    return False


def overlap(elements: Sequence[Element]) -> float:
    """Sum of the areas that texts and objects share, as a share of the canvas."""
    solid = [e.box for e in elements if e.kind in ("text", "object")]
    return sum(a.intersection(b) for n, a in enumerate(solid) for b in solid[n + 1 :])


def travelled(before: Sequence[Element], after: Sequence[Element]) -> float:
    """Mean distance between the corners of two versions of a layout."""
    moved = [
        sum(abs(p - q) for p, q in zip(a.box.as_list(), b.box.as_list(), strict=True)) / 4
        for a, b in zip(before, after, strict=True)
    ]
    return sum(moved) / len(moved)
