"""Backgrounds: gradients, patterns and pictures, flat. `variant` chooses direction, number and place."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from pipelines.colours import COLOURS, PALETTES, RGB, luminance, name_of, shade, to_rgb
from pipelines.types import Element

FLOOR = 0.83  # y where the strip of a "split" background starts


def draw_background(element: Element | None, width: int, sketch: Image.Image | None = None) -> Image.Image:
    """Paints a background.

    Args:
        element: the background; None for white.
        width: pixels. Edges are not anti-aliased; draw larger and reduce.
        sketch: RGB picture of what a "photo" or "texture" shows; None gives a soft patch of its colour.

    Returns:
        RGB, width x width.
    """
    if element is None:
        return Image.new("RGB", (width, width), "white")
    base, second = background_tones(element)
    if element.style in ("photo", "texture"):
        return sketch.resize((width, width), Image.Resampling.BICUBIC) if sketch else _soft(base, width)
    if element.style == "gradient":
        return _gradient(base, second, element.variant, width)
    image = Image.new("RGB", (width, width), base)
    painter = _PATTERNS.get(element.style)
    if painter:
        painter(ImageDraw.Draw(image), width, element.variant, second, base)
    return image


def background_tones(element: Element) -> tuple[RGB, RGB]:
    """(base, second): the second colour is the accent or, without one, a tone that sets off the pattern gently."""
    base = to_rgb(element.colour) if element.colour else (255, 255, 255)
    if element.accent:
        return base, to_rgb(element.accent)
    light = luminance(base) > 0.35
    if element.style in ("border", "split", "confetti"):
        return base, COLOURS[PALETTES[name_of(base)][1][0]]
    if element.style == "gradient":
        return base, shade(base, 0.3 if light else -0.3)
    return base, shade(base, -0.09 if light else 0.12)


@lru_cache(32)
def _ramp(variant: int, width: int) -> Image.Image:
    """Weight of the second colour, L: down, across, diagonal, from the centre; from 8 on the other way round."""
    t = np.linspace(0, 1, width, dtype=np.float32)
    x, y = t[None, :], t[:, None]
    kind = variant % 4
    if kind == 3:
        w = np.minimum(1, np.hypot(x - 0.5, y - 0.45) / 0.75)
    else:
        w = (y + 0 * x, x + 0 * y, (x + y) / 2)[kind]
    w = 1 - w if variant >= 8 else w
    return Image.fromarray((w * 255).astype(np.uint8))


def _gradient(base: RGB, second: RGB, variant: int, width: int) -> Image.Image:
    small = 256
    end, start = (Image.new("RGB", (small, small), c) for c in (second, base))
    mixed = Image.composite(end, start, _ramp(variant, small))
    return mixed.resize((width, width), Image.Resampling.BILINEAR)


def _soft(base: RGB, width: int) -> Image.Image:
    """A picture that is not known: its colour, lighter above."""
    return _gradient(shade(base, 0.12), shade(base, -0.12), 0, width)


def _stripes(d: ImageDraw.ImageDraw, w: int, variant: int, tone: RGB, base: RGB) -> None:
    n = (16, 12, 10, 8)[variant // 4]
    s = w / n
    kind = variant % 4
    for i in range(-n, n, 2):
        x = i * s
        if kind == 0:
            d.polygon([(x + w, 0), (x + w + s, 0), (x + s, w), (x, w)], fill=tone)
            d.polygon([(x + 2 * w, 0), (x + 2 * w + s, 0), (x + w + s, w), (x + w, w)], fill=tone)
        elif kind == 1:
            d.polygon([(x, 0), (x + s, 0), (x + s + w, w), (x + w, w)], fill=tone)
        elif i >= 0:
            d.rectangle((x, 0, x + s - 1, w) if kind == 2 else (0, x, w, x + s - 1), fill=tone)


def _sunburst(d: ImageDraw.ImageDraw, w: int, variant: int, tone: RGB, base: RGB) -> None:
    cx, cy = ((0.5, 0.5), (0.5, 0.6), (0.5, 1.02), (0.5, 0.32))[variant % 4]
    n = (12, 16, 14, 18)[variant // 4]
    for i in range(n):
        a, b = (2 * math.pi * (i + k) / n - math.pi / 2 for k in (-0.25, 0.25))
        rim = [(w * (cx + 1.6 * math.cos(t)), w * (cy + 1.6 * math.sin(t))) for t in (a, b)]
        d.polygon([(w * cx, w * cy), *rim], fill=tone)


def _dots(d: ImageDraw.ImageDraw, w: int, variant: int, tone: RGB, base: RGB) -> None:
    n = (8, 10, 12, 7)[variant % 4]
    s = w / n
    r = s * (0.15, 0.21, 0.18, 0.24)[variant // 4]
    for j in range(n + 2):
        for i in range(-1, n + 2):
            x, y = (i + 0.5 * (j % 2)) * s, j * s * 0.94
            d.ellipse((x - r, y - r, x + r, y + r), fill=tone)


def _border(d: ImageDraw.ImageDraw, w: int, variant: int, tone: RGB, base: RGB) -> None:
    margin = w * (0.025, 0.035)[variant % 2]
    line = max(2, round(w * (0.008, 0.014, 0.02, 0.011)[variant // 4]))
    radius = w * (0.0, 0.0, 0.05, 0.05)[variant % 4]
    d.rounded_rectangle((margin, margin, w - margin - 1, w - margin - 1), radius, outline=tone, width=line)
    if variant % 3 == 0:
        m = margin + line + w * 0.012
        thin = max(2, round(w * 0.004))
        d.rounded_rectangle((m, m, w - m - 1, w - m - 1), max(0.0, radius - m + margin), outline=tone, width=thin)


def _split(d: ImageDraw.ImageDraw, w: int, variant: int, tone: RGB, base: RGB) -> None:
    y = w * FLOOR
    if variant % 2:
        d.ellipse((-w * 0.5, y, w * 1.5, w * 1.9), fill=tone)
    else:
        d.rectangle((0, y, w, w), fill=tone)


def _confetti(d: ImageDraw.ImageDraw, w: int, variant: int, tone: RGB, base: RGB) -> None:
    """Paper pieces along the edges; the same ones for the same variant."""
    rng = random.Random(variant)
    tones = [tone, tone, *(COLOURS[c] for c in PALETTES[name_of(base)][1])]
    for _ in range(64):
        along, deep = rng.random(), rng.random() ** 1.5 * 0.085 + 0.005
        side, r, spin = rng.randrange(4), w * rng.uniform(0.007, 0.015), rng.uniform(0, math.pi)
        kind, fill = rng.random(), rng.choice(tones)
        x, y = ((along, deep), (along, 1 - deep), (deep, along), (1 - deep, along))[side]
        if kind < 0.4:
            d.ellipse((x * w - 0.8 * r, y * w - 0.8 * r, x * w + 0.8 * r, y * w + 0.8 * r), fill=fill)
        else:
            long, thin = (1.5, 0.5) if kind < 0.75 else (1.0, 1.0)
            angles = (spin + k for k in (0.4, math.pi - 0.4, math.pi + 0.4, -0.4))
            points = [(x * w + long * r * math.cos(a), y * w + thin * r * math.sin(a)) for a in angles]
            d.polygon(points, fill=fill)


_PATTERNS: dict[str, Callable[[ImageDraw.ImageDraw, int, int, RGB, RGB], None]] = {
    "stripes": _stripes, "sunburst": _sunburst, "dots": _dots, "border": _border, "split": _split,
    "confetti": _confetti,
}  # fmt: skip
