"""Shelves: pictures full of objects, from which VLSA learns to name and to count them.

A poster shows one sort of object or two; a shelf shows 1 to 5 sorts with 1 to 5 copies of each, 12 objects at most, so
objects are learned from fewer pictures. Files as `training.data.dataset` writes them.

Usage: python -m training.data.shelves --n 8000 --seed 6 --split train --out DIR --workers 2
"""

from __future__ import annotations

import random
from collections import Counter

from pipelines.colours import COLOURS, contrast, to_hex, to_rgb
from pipelines.types import Box, Element, Layout
from training.data import dataset
from training.data.arrange import OBJECT_STYLES
from training.data.assets import Assets, ObjectInfo
from training.data.pages import background, fonts_of, phrase, words
from training.data.scenes import GROUP_WEIGHTS, countable, drawable
from training.data.splits import Split, combination, in_split

COPIES, COPY_WEIGHTS = (1, 2, 3, 4, 5), (40, 18, 18, 16, 8)
MOST = 12  # objects of a shelf
GRIDS = ((1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (3, 3), (3, 4), (4, 3), (4, 4))
LEAST_CONTRAST = 2.0  # of silhouettes on the background, where a colour reaches it
WITH_TEXT = 0.35  # share of shelves with a line of text above


def sorts(rng: random.Random, assets: Assets, split: Split) -> list[tuple[ObjectInfo, int]]:
    """1 to 5 sorts of objects and how many of each: half drawn evenly, half as often as posters show them."""
    pool = [o for o in assets.objects.values() if drawable(o)]
    sizes = Counter(o.group for o in pool)
    even = rng.random() < 0.5
    weights = [1.0 if even else GROUP_WEIGHTS[o.group] / sizes[o.group] for o in pool]
    while True:
        drawn = rng.choices(pool, weights, k=rng.choices((1, 2, 3, 4, 5), (3, 3, 3, 2, 1))[0])
        chosen = list({o.name: o for o in drawn}.values())
        counts = [rng.choices(COPIES, COPY_WEIGHTS)[0] if countable(o) else 1 for o in chosen]
        if sum(counts) <= MOST and in_split("objects", combination(o.name for o in chosen), split):
            return list(zip(chosen, counts, strict=True))


def objects(
    rng: random.Random, top: float, ground: Element, groups: list[tuple[ObjectInfo, int]]
) -> list[tuple[Element, str]]:
    """Each object with its name, in the cells of a grid below `top` (share of the height), copies beside each other."""
    number = sum(n for _, n in groups)
    rows, columns = rng.choice([g for g in GRIDS if number <= g[0] * g[1] <= number + 4])
    cells = sorted(rng.sample(range(rows * columns), number))
    high, wide = (0.98 - top) / rows, 0.96 / columns
    behind = [to_rgb(c) for c in (ground.colour, ground.accent) if c]
    clear = [c for c in COLOURS.values() if min(contrast(c, b) for b in behind) >= LEAST_CONTRAST]
    clear = clear or [max(COLOURS.values(), key=lambda c: min(contrast(c, b) for b in behind))]
    found = []
    for info, n in groups:
        styles = list(info.styles)
        style = rng.choices(styles, [OBJECT_STYLES[s] for s in styles])[0]
        colour = to_hex(rng.choice(clear)) if style == "mono" else None
        size = min(high, wide) * rng.uniform(0.6, 0.98)
        for _ in range(n):
            row, column = divmod(cells.pop(0), columns)
            x = 0.02 + wide * column + rng.random() * (wide - size)
            y = top + high * row + rng.random() * (high - size)
            box = Box(x, y, x + size, y + size)
            found.append((Element("object", box, text=info.name, colour=colour, style=style), info.name))
    return found


def shelf(rng: random.Random, assets: Assets, split: Split = "train") -> dataset.Poster:
    """One shelf with its picture."""
    ground, groups = background(rng), sorts(rng, assets, split)
    rng.shuffle(groups)
    title, top = [], 0.02
    if rng.random() < WITH_TEXT:
        behind = [to_rgb(c) for c in (ground.colour, ground.accent) if c]
        colour = max(("#ffffff", "#000000"), key=lambda c: min(contrast(to_rgb(c), b) for b in behind))
        box, font = Box(0.05, 0.03, 0.95, 0.2), rng.choice(fonts_of(assets, split))
        title, top = [Element("text", box, text=words(rng, assets, split), colour=colour, font=font)], 0.22
    shown = objects(rng, top, ground, groups)
    elements = (ground, *(e for e, _ in shown), *title)
    names = {i: name for i, (_, name) in enumerate(shown, 1)}
    layout = Layout("Some objects", elements, "Some objects")
    counted = tuple((info.name, n) for info, n in groups)
    image = dataset.draw(layout, assets, rng, names)
    return dataset.Poster(image, layout, layout.prompt, layout.caption, "objects", counted, None, names, phrase(ground))


if __name__ == "__main__":
    dataset.main("shelves", seed=6)
