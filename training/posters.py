"""Synthesised posters as tensors: what the alignment, layout and enhancement stages read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipelines.models.vlm import THIRDS
from pipelines.models.vlm import place_of as place_index
from pipelines.types import KINDS, Box, Element, Layout
from pipelines.vlad.fonts import FontBook, default_fonts
from pipelines.vlad.slots import GROUPS, HINTS, PLACES, SLOT, Wish, encode
from pipelines.vlad.text import told_phrase

MAX_SLOTS = 16
PLACE_NAMES = "top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right"


@dataclass(frozen=True)
class Posters:
    """N posters.

    Attributes:
        images: (N, 256, 256, 3) uint8, memory-mapped.
        prompts, captions: N strings. layouts: N layouts.
        phrases: distinct element phrases; `phrase` (N, M) indexes them, 0 where there is no element.
        kinds (N, M) long, mask (N, M) bool, slots (N, M, SLOT), hints (N, M, HINTS): see `pipelines.vlad.slots`.
    """

    images: np.ndarray
    prompts: list[str]
    captions: list[str]
    layouts: list[Layout]
    phrases: list[str]
    phrase: Tensor
    kinds: Tensor
    mask: Tensor
    slots: Tensor
    hints: Tensor

    def __len__(self) -> int:
        return len(self.prompts)


def training_fonts(assets: Path | None) -> FontBook:
    """The app's fonts and the further ones of the asset cache."""
    own = default_fonts()
    return FontBook([*own.dirs, assets / "fonts"]) if assets and (assets / "fonts").exists() else own


def load_posters(folder: Path, fonts: FontBook, limit: int | None = None) -> Posters:
    """Read what `training.data.dataset` wrote."""
    images = np.load(folder / "images.npy", mmap_mode="r")
    records = []
    with (folder / "layouts.jsonl").open(encoding="utf-8") as f:
        for line in f:
            records.append(json.loads(line))
            if limit and len(records) >= limit:
                break
    layouts = [Layout.from_dict(r["layout"]) for r in records]
    keep = [i for i, layout in enumerate(layouts) if len(layout.elements) <= MAX_SLOTS]
    layouts = [layouts[i] for i in keep]
    phrases: dict[str, int] = {}
    n = len(keep)
    phrase, kinds = torch.zeros(n, MAX_SLOTS, dtype=torch.long), torch.zeros(n, MAX_SLOTS, dtype=torch.long)
    mask = torch.zeros(n, MAX_SLOTS, dtype=torch.bool)
    slots, hints = torch.zeros(n, MAX_SLOTS, SLOT), torch.zeros(n, MAX_SLOTS, HINTS)
    for i, layout in enumerate(layouts):
        m = len(layout.elements)
        z, _, h = encode(wishes_of(layout, fonts))
        slots[i, :m], hints[i, :m], mask[i, :m] = torch.from_numpy(z), torch.from_numpy(h), True
        kinds[i, :m] = torch.tensor([KINDS.index(e.kind) for e in layout.elements])
        for j, e in enumerate(layout.elements):
            phrase[i, j] = phrases.setdefault(told_phrase(e), len(phrases))
    return Posters(
        images if len(keep) == len(images) else images[keep],
        [layout.prompt for layout in layouts],
        [layout.caption for layout in layouts],
        layouts,
        list(phrases),
        phrase,
        kinds,
        mask,
        slots,
        hints,
    )


def wishes_of(layout: Layout, fonts: FontBook) -> list[Wish]:
    """The elements of a finished layout as wishes with everything known; equal objects are numbered."""
    names = [(e.kind, e.text) for e in layout.elements]
    wishes = []
    for i, e in enumerate(layout.elements):
        copies = names.count(names[i]) if e.kind == "object" else 1
        copy = names[:i].count(names[i]) if e.kind == "object" else 0
        wishes.append(Wish(e, place="", copy=copy, copies=copies, category=category_of(e, fonts)))
    return wishes


def category_of(element: Element, fonts: FontBook) -> str:
    return fonts.category(element.font) if element.font else ""


def place_of(box: Box) -> str:
    """The word for where a box lies."""
    x, y = box.centre
    return PLACE_NAMES[place_index(y, x)]


# How often training gives each group of a slot as known, by kind; the prompt or a lock would give it.
KNOWN = {
    "background": {"box": 1.0, "colour": 0.55, "accent": 0.0, "style": 0.4, "font": 1.0, "align": 1.0},
    "panel": {"box": 0.1, "colour": 0.3, "accent": 0.05, "style": 0.85, "font": 1.0, "align": 1.0},
    "object": {"box": 0.1, "colour": 0.5, "accent": 0.5, "style": 0.4, "font": 1.0, "align": 1.0},
    "text": {"box": 0.1, "colour": 0.2, "accent": 0.05, "style": 0.2, "font": 0.2, "align": 0.1},
}


def draw_known(kinds: Tensor, generator: torch.Generator) -> Tensor:
    """Random masks of known numbers: (B, M) kinds -> (B, M, SLOT) in {0, 1}."""
    fixed = torch.zeros(*kinds.shape, SLOT)
    for k, kind in enumerate(KINDS):
        for group, place in GROUPS.items():
            chance = torch.rand(kinds.shape, generator=generator) < KNOWN[kind][group]
            fixed[..., place] = torch.where(((kinds == k) & chance)[..., None], 1.0, fixed[..., place])
    return fixed


def draw_places(boxes: Tensor, kinds: Tensor, hints: Tensor, generator: torch.Generator, share: float = 0.25) -> Tensor:
    """Hints with the true place told for a share of texts and objects, as a prompt would. boxes: (B, M, 4) slot
    numbers.
    """
    x, y = (boxes[..., 0] + 1) / 2, (boxes[..., 1] + 1) / 2
    row, column = (sum((v > edge).long() for edge in THIRDS) for v in (y, x))
    table = torch.tensor([PLACES.index(n) for n in PLACE_NAMES])
    told = torch.nn.functional.one_hot(table[3 * row + column], len(PLACES)).float()
    tell = (torch.rand(kinds.shape, generator=generator) < share) & (kinds >= KINDS.index("object"))
    hints = hints.clone()
    hints[..., len(KINDS) : len(KINDS) + len(PLACES)] = told * tell[..., None]
    return hints
