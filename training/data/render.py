"""The finished picture of a layout, from which the models learn: light, material, artwork and depth.

Letters, panels, patterns and places are those of the canvas (`pipelines.vlad.canvas`), to the pixel. Added are what no
plan says: soft shadows, shading and grain of surfaces, bevels, glow, real artwork, photographs and textures. The light
always comes from above left, so that it can be learnt from few pictures; `rng` varies its strength.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from pipelines.colours import RGB, distance, luminance, shade
from pipelines.types import Element, Layout
from pipelines.vlad.canvas import OUTLINE, colour_of, draw_ground, is_neon, object_place, outline_colour
from pipelines.vlad.fonts import FontBook
from pipelines.vlad.lettering import SCALE, Fitted, fit_text, letters
from pipelines.vlad.shapes import draw_panel, frame_of, panel_silhouette

Corner = tuple[int, int]
PAPERS = ("note", "book", "ticket", "rect")
MERGES = 70.0  # colour distance below which artwork would merge with what is behind it


class Pictures(Protocol):
    """What is drawn with: `training.data.assets.Assets`."""

    def object_image(self, name: str, style: str = ...) -> Image.Image: ...

    def texture(self, kind: str, index: int) -> Image.Image: ...


@dataclass
class Scene:
    """A picture in the making.

    Attributes:
        image: RGB at SCALE times the size.
        unit: 1/256 of the canvas in pixels of `image`.
        depth: strength of shadows and shading, about 1.
        neon: whether letters and silhouettes glow.
    """

    image: Image.Image
    unit: float
    depth: float
    neon: bool


def render_truth(
    layout: Layout,
    assets: Pictures,
    rng: random.Random,
    object_names: Mapping[int, str],
    size: int = 256,
    fonts: FontBook | None = None,
) -> Image.Image:
    """Draws the finished picture.

    Args:
        rng: the only source of chance; the same state gives the same picture.
        object_names: name of the artwork by position in layout.elements.
        size: pixels.
        fonts: None for those of the app and of the asset folder.

    Returns:
        RGB, size x size.

    Raises:
        KeyError: artwork or a texture that the assets lack.
    """
    fonts = fonts or _fonts(str(getattr(assets, "fonts_dir", "")))
    scene = Scene(
        _ground(layout, assets, rng, size * SCALE), size * SCALE / 256, rng.uniform(0.85, 1.15), is_neon(layout)
    )
    _draw(scene, layout, "panel", lambda i, e: _panel(scene, e))
    _draw(scene, layout, "object", lambda i, e: _object(scene, e, assets, object_names.get(i, e.text)))
    _draw(scene, layout, "text", lambda i, e: _text(scene, e, fonts))
    return _finish(scene.image.reduce(SCALE), rng)


def _draw(scene: Scene, layout: Layout, kind: str, draw: Callable[[int, Element], None]) -> None:
    for i, element in enumerate(layout.elements):
        if element.kind == kind:
            draw(i, element)


@lru_cache(4)
def _fonts(extra: str) -> FontBook:
    from pipelines.vlad.fonts import FONTS_DIR

    return FontBook([FONTS_DIR, extra] if extra else FONTS_DIR)


# ---- maps of light and grain, made once


def _to_l(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))


def _rgb(image: Image.Image) -> Image.Image:
    return Image.merge("RGB", (image, image, image))


@lru_cache(16)
def _noise(kind: str, width: int) -> Image.Image:
    """Surface noise around 128, RGB, width x width: "grain" of paper, "cloud" of plaster or chalk, "brushed" metal."""
    rng = np.random.default_rng(7)
    if kind == "grain":
        fine = rng.normal(0, 1, (width, width))
        coarse = _smooth(rng.normal(0, 1, (width // 3, width // 3)), width, 0.8)
        values = 128 + 1.8 * fine + 2.0 * coarse
    elif kind == "cloud":
        values = (
            128
            + np.zeros((width, width))
            + sum(a * _smooth(rng.normal(0, 1, (n, n)), width, 0.5) for a, n in ((3.2, 5), (2.4, 12), (1.8, 40)))
        )
    else:
        lines = rng.normal(0, 1, (width, width // 32))
        values = 128 + 3.5 * _smooth(lines, width, 0.0)
    return _rgb(_to_l(values))


def _smooth(values: np.ndarray, width: int, blur: float) -> np.ndarray:
    """Enlarged to (width, width) with variance about 1."""
    image = Image.fromarray(values.astype(np.float32)).resize((width, width), Image.Resampling.BICUBIC)
    out = np.asarray(image.filter(ImageFilter.BoxBlur(1)) if blur > 1 else image)
    return out / max(1e-6, float(out.std()))


@lru_cache(64)
def _light(kind: str, strength: int, width: int = 96) -> Image.Image:
    """Brightness that a surface is multiplied with, L with 255 = full; strength in per mille at the darkest place."""
    t = (np.arange(width) + 0.5) / width
    x, y = t[None, :], t[:, None]
    profiles = {
        "room": lambda: 0.75 * np.hypot(x - 0.38, y - 0.3) ** 1.6 + 0 * x,
        "slope": lambda: 0.25 * x + 0.75 * y,
        "ribbon": lambda: np.abs(np.cos(np.pi * x)) ** 3 * 0.8 + 0.25 * y,
        "book": lambda: np.exp(-(((x - 0.1) / 0.02) ** 2)) + 0.55 * np.exp(-((x / 0.05) ** 2)) + 0.25 * x + 0.1 * y,
        "curl": lambda: 0.7 * np.clip(y - 0.55, 0, 1) * 2 * (0.4 + 0.6 * x) + 0.15 * x,
        "frame": lambda: 0.9 * np.clip(1 - 14 * np.minimum(x, y) + 0.5, 0, 1) + 0.2 * y,
    }
    dark = profiles[kind]() + 0 * (x + y)
    return _to_l(255 * (1 - strength / 1000 * dark / dark.max()))


@lru_cache(16)
def _sheen(kind: str, strength: int, width: int = 96) -> Image.Image:
    """Light that is added by screening, L: a "spot" from above left, or a diagonal "gloss"."""
    t = (np.arange(width) + 0.5) / width
    x, y = t[None, :], t[:, None]
    if kind == "spot":
        bright = np.clip(1 - 1.35 * np.hypot(x - 0.3, y - 0.22), 0, 1) ** 1.3
    else:
        bright = np.clip(1 - 2.2 * (0.55 * x + y), 0, 1)
    return _to_l(strength * bright)


def _lit(image: Image.Image, light: Image.Image) -> Image.Image:
    return ImageChops.multiply(image, _rgb(light.resize(image.size, Image.Resampling.BILINEAR)))


def _shone(image: Image.Image, sheen: Image.Image) -> Image.Image:
    return ImageChops.screen(image, _rgb(sheen.resize(image.size, Image.Resampling.BILINEAR)))


def _grained(image: Image.Image, kind: str, at: Corner = (0, 0), part: float = 1.0) -> Image.Image:
    """With surface noise, `part` of its full strength; `at` is where the image lies on the canvas.

    The noise is fixed to the canvas, so that it can be learnt.
    """
    box = (*at, at[0] + image.width, at[1] + image.height)
    noise = _noise(kind, max(512, box[2], box[3])).crop(box)
    grained = ImageChops.add(image, noise, 1, -128)
    return grained if part >= 1 else Image.blend(image, grained, part)


# ---- background


def _ground(layout: Layout, assets: Pictures, rng: random.Random, width: int) -> Image.Image:
    background = layout.background
    style = background.style if background else "plain"
    if background is not None and style in ("photo", "texture"):
        image = draw_ground(layout, width, assets.texture(background.text, background.variant))
        return _lit(image, _light("room", rng.choice((120, 160, 200))))
    image = draw_ground(layout, width)
    light = luminance(colour_of(background)) > 0.35 if background and background.colour else True
    image = _lit(image, _light("room", rng.choice((55, 75, 95) if light else (220, 270, 320))))
    image = _shone(image, _sheen("spot", rng.choice((18, 26, 34) if light else (20, 28, 36))))
    return _grained(image, "grain")


def _finish(image: Image.Image, rng: random.Random) -> Image.Image:
    """A common, barely visible vignette that ties the parts together."""
    return _lit(image, _light("room", rng.choice((30, 45, 60))))


# ---- shadows and bevels


def _shadow(scene: Scene, mask: Image.Image, at: Corner, blur: float, drop: float, part: float) -> None:
    """Paints the soft shadow of a mask; blur and drop in units, part = darkness in [0, 1]."""
    k = 4
    pad = int(3 * blur * scene.unit) // k * k + 2 * k
    small = Image.new("L", ((mask.width + 2 * pad) // k + 1, (mask.height + 2 * pad) // k + 1))
    small.paste(mask.reduce(k) if min(mask.size) >= k else mask.resize((1, 1)), (pad // k, pad // k))
    small = small.filter(ImageFilter.GaussianBlur(blur * scene.unit / k))
    alpha = small.point([round(v * part) for v in range(256)])
    alpha = alpha.resize((small.width * k, small.height * k), Image.Resampling.BILINEAR)
    x, y = at[0] - pad + int(0.45 * drop * scene.unit), at[1] - pad + int(drop * scene.unit)
    scene.image.paste((12, 10, 22), (x, y), alpha)


def _bevel(surface: Image.Image, mask: Image.Image, reach: int, part: int) -> Image.Image:
    """Light upper left and dark lower right edges inside the mask; reach in pixels, part of 255."""
    soft = mask.filter(ImageFilter.BoxBlur(reach))
    moved = ImageChops.offset(soft, reach, reach)
    slope = ImageChops.subtract(soft, moved, 255 / part, 128)
    return ImageChops.add(surface, _rgb(slope), 1, -128)


# ---- panels


def _panel(scene: Scene, element: Element) -> None:
    width, at, box = _bounds(scene, element)
    silhouette = panel_silhouette(element, width).crop(box)
    flat = element.style in ("octagon", "diamond", "sign", "burst", "rect")
    blur, drop = (3.0, 2.4) if flat else (5.0, 4.0)
    _shadow(scene, silhouette, at, blur, drop, 0.42 * scene.depth)
    _shadow(scene, silhouette, at, 1.2, 0.9, 0.22 * scene.depth)
    whole = scene.image.copy()
    draw_panel(whole, element)
    surface = _material(whole.crop(box), element, at, round(100 * scene.depth))
    mask = silhouette.filter(ImageFilter.BoxBlur(0.5))
    surface = _bevel(surface, silhouette, max(2, round(1.1 * scene.unit)), 34)
    scene.image.paste(surface, at, mask if element.style in ("note", "ribbon") else silhouette)


def _bounds(scene: Scene, element: Element) -> tuple[int, Corner, tuple[int, int, int, int]]:
    """(canvas width, corner, box) in whole pixels around the panel."""
    width = scene.image.width
    f = frame_of(element.box, width)
    box = int(f.x0), int(f.y0), min(width, int(f.x1) + 2), min(width, int(f.y1) + 2)
    return width, (box[0], box[1]), box


def _material(surface: Image.Image, element: Element, at: Corner, strength: int) -> Image.Image:
    """Shading and grain of a panel's surface by its style; `at` is its corner, strength about 100."""
    style = element.style
    kinds = {"ribbon": ("ribbon", 2.2), "book": ("book", 2.6), "note": ("curl", 1.3), "board": ("frame", 1.6)}
    kind, factor = kinds.get(style, ("slope", 1.1))
    surface = _lit(surface, _light(kind, round(strength * factor)))
    if style in ("circle", "burst", "octagon", "diamond", "sign", "rounded", "speech"):
        surface = _shone(surface, _sheen("gloss", 34))
    if style == "board":
        return _grained(surface, "cloud", at)
    if style in ("sign", "octagon", "diamond"):
        return _grained(surface, "brushed", at, 0.5)
    return _grained(surface, "grain", at, 1.0 if style in PAPERS else 0.6)


# ---- objects


def _object(scene: Scene, element: Element, assets: Pictures, name: str) -> None:
    art = assets.object_image(name, element.style)
    x, y, w, h = object_place(art.size, element.box, scene.image.width)
    art = art.resize((w, h), Image.Resampling.LANCZOS)
    alpha = art.getchannel("A")
    if element.style == "mono":
        _silhouette(scene, colour_of(element), alpha, (x, y))
        return
    if _merges(scene, art, alpha, (x, y)):
        _sticker_edge(scene, alpha, (x, y))
    elif element.style == "3d":
        _shadow(scene, alpha, (x, y), 3.6, 4.2, 0.4 * scene.depth)
        _shadow(scene, alpha, (x, y), 1.0, 1.0, 0.16 * scene.depth)
    else:
        _shadow(scene, alpha, (x, y), 1.4, 1.4, 0.24 * scene.depth)
    scene.image.paste(art.convert("RGB"), (x, y), alpha)


def _silhouette(scene: Scene, colour: RGB, alpha: Image.Image, at: Corner) -> None:
    if scene.neon:
        _glow(scene, colour, alpha, at)
        scene.image.paste(shade(colour, 0.3), at, alpha)
        return
    _shadow(scene, alpha, at, 1.0, 0.8, 0.16 * scene.depth)
    scene.image.paste(_inked(colour, alpha.size), at, alpha)


def _merges(scene: Scene, art: Image.Image, alpha: Image.Image, at: Corner) -> bool:
    """Whether the rim of the artwork has nearly the colour of what is behind it."""
    k = max(1, min(art.size) // 24)
    small, cover = np.asarray(art.convert("RGB").reduce(k), float), np.asarray(alpha.reduce(k), float) / 255
    inner = np.asarray(alpha.reduce(k).filter(ImageFilter.MinFilter(3)), float) / 255
    rim = np.clip(cover - inner, 0, 1)[..., None] + 1e-6
    edge = (small * rim).sum((0, 1)) / rim.sum()
    box = (max(0, at[0]), max(0, at[1]), at[0] + art.width, at[1] + art.height)
    behind = np.asarray(scene.image.crop(box).resize((8, 8), Image.Resampling.BOX), float).mean((0, 1))
    return distance(tuple(edge), tuple(behind)) < MERGES


def _sticker_edge(scene: Scene, alpha: Image.Image, at: Corner) -> None:
    """A die-cut edge around artwork, with its shadow: white, or tinted dark on a white ground."""
    r = max(3, round(1.7 * scene.unit))
    pad = 2 * r + 2
    big = Image.new("L", (alpha.width + 2 * pad, alpha.height + 2 * pad))
    big.paste(alpha, (pad, pad))
    edge = big.filter(ImageFilter.GaussianBlur(r * 0.6)).point([min(255, max(0, (v - 14) * 14)) for v in range(256)])
    corner = at[0] - pad, at[1] - pad
    part = scene.image.crop((max(0, at[0]), max(0, at[1]), at[0] + alpha.width, at[1] + alpha.height))
    red, green, blue = np.asarray(part.resize((1, 1), Image.Resampling.BOX), float)[0, 0]
    bright = luminance((red, green, blue)) > 0.8
    _shadow(scene, edge, corner, 2.2, 1.8, 0.36 * scene.depth)
    scene.image.paste(shade((red, green, blue), -0.16) if bright else (255, 255, 255), corner, edge)


# ---- texts


def _text(scene: Scene, element: Element, fonts: FontBook) -> None:
    size = scene.image.width // SCALE
    fitted = fit_text(element.text, element.font, element.box, fonts, size, element.align)
    mask, at = letters(fitted, fonts)
    colour, em = colour_of(element), fitted.px * 256 / size
    if element.style == "glow":
        _glow(scene, colour, mask, at)
        scene.image.paste(shade(colour, 0.35), at, mask)
        return
    if element.style == "outline":
        _outline(scene, element, fitted, fonts)
    elif element.style == "shadow":
        _text_shadow(scene, colour, mask, at, em)
    scene.image.paste(_inked(colour, mask.size), at, mask)


def _outline(scene: Scene, element: Element, fitted: Fitted, fonts: FontBook) -> None:
    stroke, at = letters(fitted, fonts, OUTLINE)
    _shadow(scene, stroke, at, 1.8, 1.6, 0.4 * scene.depth)
    scene.image.paste(outline_colour(element), at, stroke)


def _text_shadow(scene: Scene, colour: RGB, mask: Image.Image, at: Corner, em: float) -> None:
    """A soft shadow, light under dark letters on dark ground, with its offset in proportion to the letters."""
    drop = min(2.6, max(0.8, 0.05 * em))
    if luminance(colour) > 0.18:
        _shadow(scene, mask, at, 0.6 * drop, drop, 0.6 * scene.depth)
        return
    step = round(drop * scene.unit * 0.7)
    part = scene.image.crop((at[0], at[1], at[0] + mask.width, at[1] + mask.height))
    lifted = part.point([min(255, round(v + (255 - v) * 0.55)) for v in range(256)] * 3)
    scene.image.paste(lifted, (at[0] + step, at[1] + step), mask)


def _inked(colour: RGB, size: tuple[int, int]) -> Image.Image:
    """A colour with a slight fall from top to bottom."""
    top, bottom = (Image.new("RGB", (1, 1), shade(colour, k)) for k in (0.07, -0.07))
    column = Image.new("RGB", (1, 2))
    column.paste(top, (0, 0))
    column.paste(bottom, (0, 1))
    return column.resize(size, Image.Resampling.BILINEAR)


def _glow(scene: Scene, colour: RGB, mask: Image.Image, at: Corner) -> None:
    """Coloured light around a mask: a tight and a wide halo, added to what is there."""
    k, pad = 4, 4 * round(11 * scene.unit)
    small = Image.new("L", ((mask.width + 2 * pad) // k + 1, (mask.height + 2 * pad) // k + 1))
    small.paste(mask.reduce(k), (pad // k, pad // k))
    tight, wide = (small.filter(ImageFilter.GaussianBlur(r * scene.unit / k)) for r in (2.4, 9.0))
    halo = ImageChops.add(
        tight.point([round(0.75 * v) for v in range(256)]), wide.point([min(255, round(1.1 * v)) for v in range(256)])
    )
    halo = halo.resize((small.width * k, small.height * k), Image.Resampling.BILINEAR)
    light = ImageChops.multiply(Image.new("RGB", halo.size, colour), _rgb(halo))
    corner = at[0] - pad, at[1] - pad
    box = (max(0, corner[0]), max(0, corner[1]), corner[0] + halo.width, corner[1] + halo.height)
    box = (*box[:2], min(scene.image.width, box[2]), min(scene.image.height, box[3]))
    light = light.crop((box[0] - corner[0], box[1] - corner[1], box[2] - corner[0], box[3] - corner[1]))
    scene.image.paste(ImageChops.screen(scene.image.crop(box), light), box[:2])
