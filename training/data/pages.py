"""Pages: pictures full of words, the text-rich data of VLSA's second stage.

A poster holds a dozen letters; a page holds several times as many, in many fonts, sizes and colours at once, so small
text is learned from fewer pictures. Files as `training.data.dataset` writes them.

Usage: python -m training.data.pages --n 8000 --seed 5 --split train --out DIR --workers 2
"""

from __future__ import annotations

import random

from pipelines.colours import COLOURS, contrast, name_of, to_hex, to_rgb
from pipelines.types import FULL, Align, Box, Element, Layout
from training.data import dataset
from training.data import phrases as bank
from training.data.assets import Assets
from training.data.english import with_article
from training.data.scenes import all_fonts
from training.data.splits import Split, in_split

BACKGROUNDS = ("plain", "plain", "gradient", "stripes", "dots", "split", "border")
ALIGNS: tuple[Align, ...] = ("left", "center", "center", "right")
LEAST_CONTRAST = 3.0


def words(rng: random.Random, assets: Assets, split: Split) -> str:
    """What one line says: a phrase, words that need not make sense, or figures."""

    def make() -> str:
        kind = rng.random()
        if kind < 0.15:
            return "".join(rng.choices("0123456789$%.:/-", k=rng.randint(2, 7))).strip()
        if kind < 0.25:
            return "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=rng.randint(2, 6)))
        return bank.random_phrase(rng, assets, 1, 4)

    return bank.draw(make, assets, split)


def background(rng: random.Random) -> Element:
    colour, accent = (to_hex(c) for c in rng.sample(sorted(COLOURS.values()), 2))
    style = rng.choice(BACKGROUNDS)
    return Element("background", FULL, colour=colour, accent=accent, style=style, variant=rng.randrange(16))


def lines(rng: random.Random, assets: Assets, split: Split, ground: Element, fonts: list[str]) -> list[Element]:
    """2 to 8 lines below each other, of unequal heights, some side by side."""
    weights = [rng.uniform(0.5, 2.0) for _ in range(rng.randint(2, 8))]
    behind = [to_rgb(c) for c in (ground.colour, ground.accent) if c]
    if ground.style in ("plain", "gradient"):
        behind = behind[:1]
    clear = [to_hex(c) for c in COLOURS.values() if min(contrast(c, b) for b in behind) >= LEAST_CONTRAST]
    colours = clear or ["#ffffff", "#000000"]
    y, found = 0.04, []
    for weight in weights:
        height = 0.92 * weight / sum(weights)
        for x0, x1 in rng.choice((((0.04, 0.96),), ((0.04, 0.96),), ((0.04, 0.48), (0.52, 0.96)))):
            box = Box(x0, y + 0.01, x1, y + height - 0.01)
            text = words(rng, assets, split)
            colour, font, align = rng.choice(colours), rng.choice(fonts), rng.choice(ALIGNS)
            found.append(Element("text", box, text=text, colour=colour, font=font, align=align))
        y += height
    return found


def phrase(ground: Element) -> str:
    """ "a navy blue gradient background"."""
    style = " gradient" if ground.style == "gradient" else ""
    return with_article(f"{name_of(to_rgb(ground.colour or '#ffffff'))}{style} background")


def fonts_of(assets: Assets, split: Split) -> list[str]:
    """The app's fonts and those of the asset cache that belong to the split, without the ones that only fill gaps."""
    extra = assets.extra_fonts
    ids = (f for f in all_fonts(assets).ids if not f.startswith("noto"))
    return [f for f in ids if f not in extra or in_split("font", str(extra[f]["family"]), split)]


def page(rng: random.Random, assets: Assets, split: Split = "train") -> dataset.Poster:
    """One page with its picture."""
    ground = background(rng)
    elements = (ground, *lines(rng, assets, split, ground, fonts_of(assets, split)))
    layout = Layout("A page of text", elements, "A page of text")
    image = dataset.draw(layout, assets, rng, {})
    return dataset.Poster(image, layout, layout.prompt, layout.caption, "words", (), None, {}, phrase(ground))


if __name__ == "__main__":
    dataset.main("pages", seed=5)
