"""Sketches of a layout's objects and background from the sketch head, kept by name so that editing stays fast."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import torch
from PIL import Image
from torch import Tensor

from pipelines.colours import to_rgb
from pipelines.errors import UserError
from pipelines.images import to_images
from pipelines.models.autoencoder import Autoencoder
from pipelines.models.sketch import SKETCH_STYLES, SketchHead, sketch_pictures
from pipelines.types import Element, Layout
from pipelines.vlad.prompt import understand
from pipelines.vlad.text import phrase_of
from pipelines.vlad.tint import tinted

Key = tuple[str, str, int]  # phrase, style, variant


def sketched(element: Element) -> bool:
    """Whether the canvas draws this element from a sketch."""
    return element.kind == "object" or (element.kind == "background" and element.style in ("texture", "photo"))


@lru_cache(4096)
def drawn_name(text: str) -> str:
    """The name under which the head has learned a thing ("cute kitten" -> "cat"), or the text itself."""
    try:
        parts = [p for p in understand(f"a picture of a {text}").parts if p.kind == "object"]
    except UserError:  # nothing the parser knows: the text itself is the name
        return text
    return parts[0].name or text if len(parts) == 1 else text


def key_of(element: Element, whole: str = "") -> Key:
    """What an element is sketched from. whole: the prompt, when it stands for every element (ablation without CCM)."""
    if whole:
        return whole, element.style, 0
    if element.kind == "background":
        return phrase_of("background", element.text), element.style, element.variant
    return drawn_name(element.text), element.style, 0


def trimmed(picture: Image.Image, least: int = 48) -> Image.Image:
    """Cut to what is visible, as the drawings of the posters are, so that a box means the same for both."""
    visible = picture.getchannel("A").point(lambda v: 255 if v >= least else 0).getbbox()
    return picture.crop(visible) if visible else picture


class Sketcher:
    """Decodes sketches in batches and remembers them.

    Args:
        head: the sketch head. autoencoder: decodes its latents. keep: pictures remembered, None for all.
    """

    def __init__(self, head: SketchHead, autoencoder: Autoencoder, keep: int | None = None) -> None:
        self.head, self.autoencoder, self.keep = head, autoencoder, keep
        self.known: dict[Key, Image.Image] = {}

    @staticmethod
    def needed(layouts: Iterable[Layout], whole: str = "") -> set[Key]:
        return {key_of(e, whole) for layout in layouts for e in layout.elements if sketched(e)}

    def missing(self, layouts: Iterable[Layout], whole: str = "") -> list[Key]:
        return sorted(self.needed(layouts, whole) - set(self.known))

    def prepare(
        self, layouts: Sequence[Layout], embedded: Mapping[str, Tensor], whole: str = "", chunk: int = 64
    ) -> None:
        """Decode what is not known yet. embedded: phrase -> t_i (D,)."""
        keys = self.missing(layouts, whole)
        for i in range(0, len(keys), chunk):
            part = keys[i : i + chunk]
            t_i = self.head.nearest(torch.stack([embedded[phrase] for phrase, _, _ in part]))
            style = torch.tensor([SKETCH_STYLES.index(s) for _, s, _ in part], device=t_i.device)
            variant = torch.tensor([self.head.view(p, v) for p, _, v in part], device=t_i.device)
            rgba = sketch_pictures(self.head, self.autoencoder.decode, t_i, style, variant)
            self.known.update(zip(part, map(trimmed, to_images(rgba.float() * 2 - 1)), strict=True))
        if self.keep is not None and len(self.known) > self.keep:
            needed = self.needed(layouts, whole)
            old = [k for k in self.known if k not in needed]
            for k in old[: len(self.known) - self.keep]:
                del self.known[k]

    def _object(self, element: Element, whole: str) -> Image.Image:
        picture = self.known[key_of(element, whole)]
        wished = element.colour if element.style != "mono" else None
        return tinted(picture, to_rgb(wished)) if wished else picture

    def pictures(self, layout: Layout, whole: str = "") -> tuple[dict[int, Image.Image], Image.Image | None]:
        """RGBA sketches by element index, and the background's RGB sketch or None; `prepare` comes first."""
        objects = {i: self._object(e, whole) for i, e in enumerate(layout.elements) if e.kind == "object"}
        ground = layout.background
        view = self.known[key_of(ground, whole)].convert("RGB") if ground is not None and sketched(ground) else None
        return objects, view
