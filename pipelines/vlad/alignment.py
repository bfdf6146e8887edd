"""Whether a picture shows its elements, as far as the trained encoders can tell.

Eqs. (3) and (8) align whole prompts with whole pictures. On one picture each of the 60 prompts of held-out.txt, one
right name among 10 (chance .10):

- what is told of the background's colour, the right colour's prompt against the whole picture: right 22 times of 22,
  and 18 times of 22 where the picture is drawn without hierarchical guidance, which has colours and little else;
- an object's sketch, which the sketch head drew from its t_i, against the crop of its box, both seen by the vision
  encoder: right 58 times of 58, and 5 times of 58 where objects were not drawn (no hierarchical guidance).

Not asked, for it did not work with the encoders of stage 3: an object's name against its crop (right 4 times of 17,
one name among 13), and a text's letters against theirs (3 of 24), so texts are left to text recognition.
Panels are left out: the encoders were not asked about them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from pipelines.colours import COLOURS
from pipelines.types import Box, Layout
from pipelines.vlad.readback import ElementMatch
from pipelines.vlad.sketches import drawn_name

# What else an object or a background might have been; the one that was asked for is left out.
RIVALS = ("anchor", "banana", "bicycle", "castle", "cat", "cup of coffee", "palm tree", "rocket", "umbrella")
RIVAL_COLOURS = ("black", "white", "red", "yellow", "green", "sky blue", "navy blue", "purple", "pink")
MOST = 6  # names of objects that are looked for in one picture
SIDE = 128  # pixels of a crop, what the vision encoder of the preset "mini" sees
PADDING = 0.06  # of the box on each side, kept in its crop

Look = Callable[[Sequence[Image.Image]], np.ndarray]  # N pictures -> (N, d), rows of length 1
Compose = Callable[[Sequence[Layout]], np.ndarray]  # P layouts -> their t (P, d), rows of length 1


def crop(image: Image.Image, box: Box) -> Image.Image:
    """The box with a little of what surrounds it, SIDE x SIDE pixels."""
    dx, dy = PADDING * box.width, PADDING * box.height
    grown = Box.clipped(box.x0 - dx, box.y0 - dy, box.x1 + dx, box.y1 + dy)
    width, height = image.size
    corners = (grown.x0 * width, grown.y0 * height, grown.x1 * width, grown.y1 * height)
    return image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC, corners)


def match_objects(
    layout: Layout, images: Sequence[Image.Image], draft: Callable[[Layout], Image.Image], look: Look
) -> list[list[ElementMatch]]:
    """Each object's box in each picture against the same box of the draft, and of drafts with other objects in it.

    Args:
        layout: what the images were drawn from; objects of at most MOST names are looked for.
        draft: layout -> its canvas with sketches.
        look: the vision encoder.

    Returns:
        One list per image, with one match per object, in the order of the layout.
    """
    names = list(dict.fromkeys(e.text for e in layout.elements if e.kind == "object"))[:MOST]
    found: list[list[ElementMatch]] = [[] for _ in images]
    for name in names:
        rivals = [r for r in RIVALS if r != drawn_name(name)]
        drafts = [draft(_renamed(layout, name, other)) for other in (name, *rivals)]
        for i, element in enumerate(layout.elements):
            if element.kind == "object" and element.text == name:
                seen = look([crop(p, element.box) for p in (*drafts, *images)])
                cosines = seen[len(drafts) :] @ seen[: len(drafts)].T  # (images, own and rivals)
                for matches, row in zip(found, cosines, strict=True):
                    matches.append(_match(i, "object", name, row))
    return [sorted(matches, key=lambda m: m.index) for matches in found]


def match_background(layout: Layout, seen: np.ndarray, compose: Compose) -> list[list[ElementMatch]]:
    """What the prompt says of the background's colour against the whole picture, and prompts with other colours.

    Args:
        seen: (N, d) unit embeddings v of the pictures. compose: layouts -> unit embeddings t.

    Returns:
        One list per picture: one match, or none where the prompt names no colour for the background.
    """
    index = next((i for i, e in enumerate(layout.elements) if e.kind == "background"), -1)
    colour = _colour_of(layout, index)
    if not colour:
        return [[] for _ in seen]
    names = [colour, *(c for c in RIVAL_COLOURS if c != colour)]
    t = compose([_recoloured(layout, colour, name) for name in names])
    return [[_match(index, "background", colour, row)] for row in seen @ t.T]


def _match(index: int, kind: str, name: str, cosines: np.ndarray) -> ElementMatch:
    """A match from the cosines of the right one, first, and its rivals."""
    own, rivals = float(cosines[0]), cosines[1:]
    return ElementMatch(index, kind, name, own, float(rivals.max()), int((rivals < own).sum()), len(rivals))


def _renamed(layout: Layout, name: str, other: str) -> Layout:
    changed = (
        dataclasses.replace(e, text=other) if e.kind == "object" and e.text == name else e for e in layout.elements
    )
    return dataclasses.replace(layout, elements=tuple(changed))


def _colour_of(layout: Layout, index: int) -> str:
    """The colour that the prompt names for the background; "" for none, or one that it names more than once."""
    ground = layout.elements[index] if index >= 0 else None
    if ground is None or ground.span is None:
        return ""
    said = layout.prompt[slice(*ground.span)]
    named = [c for c in sorted(COLOURS, key=len, reverse=True) if re.search(rf"\b{c}\b", said)]
    return named[0] if named and len(re.findall(rf"\b{named[0]}\b", layout.prompt)) == 1 else ""


def _recoloured(layout: Layout, colour: str, other: str) -> Layout:
    """The layout as if its prompt had named another colour."""
    pattern = re.compile(rf"\b{colour}\b")
    elements = tuple(dataclasses.replace(e, text=pattern.sub(other, e.text)) for e in layout.elements)
    return dataclasses.replace(layout, prompt=pattern.sub(other, layout.prompt), elements=elements)
