"""Colours of a plan: letters that read, panels that stand out, backgrounds that keep in the background."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pipelines.colours import COLOURS, RGB, contrast, distance, shade, to_hex, to_rgb
from pipelines.types import Element
from pipelines.vlad.choices import ANY, EVERY_COLOUR, Choices

READABLE = 4.5  # contrast ratio wished for letters, as WCAG AA asks for text
ALIKE = 110.0  # a background nearer than this to an object's own colour hides it
DISTINCT = 150.0  # how far it is moved away
OUTLINED = 2.5  # below this letters get an outline
NEON = ("pink", "sky blue", "yellow", "mint", "coral", "turquoise", "orange")  # colours of glowing letters
PATTERNED = ("stripes", "sunburst", "dots")
PICTURED = ("photo", "texture")


def named(colour: str) -> str:
    """The nearest named colour as "#rrggbb"."""
    rgb = to_rgb(colour)
    return to_hex(min(COLOURS.values(), key=lambda c: distance(c, rgb)))


def least_contrast(colour: RGB, grounds: Sequence[RGB]) -> float:
    """Contrast with the ground from which a colour stands out least."""
    return min(contrast(colour, g) for g in grounds)


def legible(colour: RGB, grounds: Sequence[RGB], least: float = READABLE, palette: Sequence[RGB] = EVERY_COLOUR) -> RGB:
    """The colour of a palette nearest to `colour` that reads on all grounds, or the one that reads best."""
    good = [c for c in palette if least_contrast(c, grounds) >= least]
    good = good or [max(palette, key=lambda c: least_contrast(c, grounds))]
    return min(good, key=lambda c: distance(c, colour))


def behind(element: Element, elements: Sequence[Element]) -> Element | None:
    """What an element stands on: the last panel around its centre, else the background."""
    x, y = element.box.centre
    under = None
    for e in elements:
        if e.kind == "background":
            under = under or e
        if e.kind == "panel" and e is not element and e.box.x0 <= x <= e.box.x1 and e.box.y0 <= y <= e.box.y1:
            under = e
    return under


def grounds_of(ground: Element, glowing: bool) -> list[RGB]:
    """The colours that meet on a ground: its own and, where it is patterned, its accent."""
    own = to_rgb(ground.colour or "#ffffff")
    if glowing and ground.kind == "background":
        own = shade(own, -0.62)  # the canvas dims what is behind neon letters
    return [own, to_rgb(ground.accent)] if ground.accent and ground.style in PATTERNED else [own]


def readable(elements: Sequence[Element], fixed: Sequence[bool] | None = None, choices: Choices = ANY) -> list[Element]:
    """Colours changed as little as needed so that letters, panels and silhouettes stand out.

    Args:
        fixed: elements whose colour the prompt or the visitor has chosen; the others give way to them.
        choices: what a colour may be changed to.
    """
    fixed = fixed or [False] * len(elements)
    out = list(elements)
    _yield_to_objects(out, fixed, choices)
    _yield_to_letters(out, fixed, choices)
    glowing = any(e.style == "glow" for e in out)
    for i, e in enumerate(out):
        ground = behind(e, out)
        if ground is None or e.colour is None or e.kind == "background":
            continue
        under, own = grounds_of(ground, glowing), to_rgb(e.colour)
        if e.kind == "panel" and not fixed[i] and distance(own, under[0]) < 60:
            out[i] = dataclasses.replace(e, colour=to_hex(legible(own, under, 1.6, choices.colours["panel"])))
        elif e.kind == "object" and e.style == "mono" and not fixed[i] and least_contrast(own, under) < OUTLINED:
            out[i] = dataclasses.replace(e, colour=to_hex(legible(own, under, 3, choices.colours["object"])))
        elif e.kind == "text":
            out[i] = _readable_text(e, own, under, ground.style in PICTURED, fixed[i], choices)
    return out


def grounded(elements: Sequence[Element], fixed: Sequence[bool], choices: Choices) -> list[Element]:
    """Grounds on which no allowed colour of letters reads, changed as little as needed; `fixed` as in `readable`."""
    out, letters = list(elements), choices.colours["text"]
    for i, e in enumerate(out):
        ground = behind(e, out)
        if e.kind != "text" or fixed[i] or ground is None or ground.colour is None or ground.style in PICTURED:
            continue
        at, own = out.index(ground), to_rgb(ground.colour)
        good = [g for g in choices.colours[ground.kind] if max(contrast(c, g) for c in letters) >= READABLE]
        if not fixed[at] and good and max(contrast(c, own) for c in letters) < READABLE:
            out[at] = dataclasses.replace(ground, colour=to_hex(min(good, key=lambda c: distance(c, own))))
    return out


def _yield_to_objects(elements: list[Element], fixed: Sequence[bool], choices: Choices) -> None:
    """Grounds whose colour nobody has asked for give way to objects whose colour is asked for."""
    standing: dict[int, list[RGB]] = {}
    for e, asked in zip(elements, fixed, strict=True):
        ground = behind(e, elements) if asked and e.kind == "object" and e.colour else None
        if ground is not None and ground.colour and ground.style not in PICTURED:
            standing.setdefault(elements.index(ground), []).append(to_rgb(e.colour or ""))
    for at, colours in standing.items():
        ground = elements[at]
        own = to_rgb(ground.colour or "#ffffff")
        if fixed[at] or all(distance(own, c) >= ALIKE for c in colours):
            continue
        letters = [
            to_rgb(e.colour) for e, f in zip(elements, fixed, strict=True) if f and e.kind == "text" and e.colour
        ]
        good = [c for c in choices.colours[ground.kind] if all(distance(c, o) >= DISTINCT for o in colours)]
        good = [c for c in good if all(contrast(c, o) >= READABLE for o in letters)] or good
        if good:
            colour = min(good, key=lambda c: distance(c, own))
            elements[at] = dataclasses.replace(ground, colour=to_hex(colour), accent=None)


def _yield_to_letters(elements: list[Element], fixed: Sequence[bool], choices: Choices) -> None:
    """A ground whose colour nobody has asked for gives way to a text whose colour is asked for."""
    for i, e in enumerate(elements):
        if e.kind != "text" or not fixed[i] or e.colour is None:
            continue
        ground = behind(e, elements)
        if ground is None or ground.colour is None or ground.style in PICTURED:
            continue
        at = elements.index(ground)
        if not fixed[at] and contrast(to_rgb(e.colour), to_rgb(ground.colour)) < READABLE:
            colour = legible(to_rgb(ground.colour), [to_rgb(e.colour)], palette=choices.colours[ground.kind])
            elements[at] = dataclasses.replace(ground, colour=to_hex(colour))


def _readable_text(e: Element, own: RGB, under: Sequence[RGB], busy: bool, fixed: bool, choices: Choices) -> Element:
    palette = choices.colours["text"]
    if e.style == "glow" and not fixed:
        own = min([COLOURS[n] for n in NEON if COLOURS[n] in palette] or palette, key=lambda c: distance(c, own))
    elif not fixed and least_contrast(own, under) < (3 if busy else READABLE):
        own = legible(own, under, palette=palette)
    e = dataclasses.replace(e, colour=to_hex(own))
    outline = e.style == "outline" or "outline" in choices.styles["text"]
    if outline and ((busy and e.style != "glow") or least_contrast(own, under) < OUTLINED):
        edges = [COLOURS[n] for n in ("black", "white") if COLOURS[n] in palette]
        edge = max(edges if len(edges) == 2 else palette, key=lambda c: contrast(own, c))
        return dataclasses.replace(e, style="outline", accent=to_hex(edge))
    return e
