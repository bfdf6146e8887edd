"""The canvas: a layout drawn flat and plain, the picture that guides the denoiser.

It has the exact letters, panel outlines, patterns and places of the finished picture; light, material and detail are
left to the denoiser. Drawn at twice the size and reduced.
"""

from __future__ import annotations

from collections.abc import Mapping

from PIL import Image, ImageDraw, ImageFilter

from pipelines.colours import RGB, contrast, luminance, to_rgb
from pipelines.errors import UserError
from pipelines.types import KINDS, Box, Element, Layout
from pipelines.vlad.backgrounds import background_tones, draw_background
from pipelines.vlad.fonts import FontBook, default_fonts
from pipelines.vlad.lettering import SCALE, Fitted, TextLine, fit_text, letters, text_mask
from pipelines.vlad.prompt import quoted_words
from pipelines.vlad.shapes import draw_panel, frame_of, panel_mask, panel_safe_box, panel_silhouette

__all__ = [
    "Fitted", "TextLine", "background_tones", "draw_background", "draw_canvas", "draw_ground", "draw_panel",
    "fit_text", "is_neon", "legibility_warnings", "letters", "object_place", "outline_colour", "panel_mask",
    "panel_safe_box", "panel_silhouette", "text_mask",
]  # fmt: skip

INK: RGB = (22, 22, 26)
NIGHT: RGB = (8, 9, 16)
DIMMED = 0.62  # share of NIGHT in a dimmed picture
OUTLINE = 0.085  # width of a text outline, em
SMALLEST = 7.0  # x-height in px at 256 below which a text is called too small
LEAST_CONTRAST = 3.0
EDGES = ".,!?;:…\"'“”‘’"  # punctuation at the edge of a word, which does not matter when words are compared


def draw_canvas(
    layout: Layout,
    object_sketches: Mapping[int, Image.Image],
    background_sketch: Image.Image | None = None,
    size: int = 256,
    fonts: FontBook | None = None,
) -> Image.Image:
    """Draws a layout.

    Args:
        object_sketches: RGBA pictures by position in layout.elements; an object without one is a soft patch.
        background_sketch: RGB picture for a "photo" or "texture" background.
        size: pixels.
        fonts: None for the app's.

    Returns:
        RGB, size x size.
    """
    fonts = fonts or default_fonts()
    image = draw_ground(layout, SCALE * size, background_sketch)
    for kind in KINDS[1:]:
        for i, element in enumerate(layout.elements):
            if element.kind != kind:
                continue
            if kind == "panel":
                draw_panel(image, element)
            elif kind == "object":
                _draw_object(image, element, object_sketches.get(i))
            else:
                draw_text(image, element, fonts)
    return image.reduce(SCALE)


def draw_ground(layout: Layout, width: int, sketch: Image.Image | None = None) -> Image.Image:
    """The background of a layout, RGB, width x width; pictures are dimmed behind glowing letters."""
    image = draw_background(layout.background, width, sketch)
    pictured = layout.background is not None and layout.background.style in ("photo", "texture")
    if pictured and is_neon(layout):
        image = Image.blend(image, Image.new("RGB", image.size, NIGHT), DIMMED)
    return image


def is_neon(layout: Layout) -> bool:
    """Whether the layout is a neon sign: letters and silhouettes glow."""
    return any(e.style == "glow" for e in layout.texts)


def colour_of(element: Element) -> RGB:
    """Main colour, nearly black if none is planned."""
    return to_rgb(element.colour) if element.colour else INK


def outline_colour(element: Element) -> RGB:
    """Outline of a text: its accent, else dark around light letters and white around dark ones."""
    if element.accent:
        return to_rgb(element.accent)
    return (15, 15, 18) if luminance(colour_of(element)) > 0.2 else (255, 255, 255)


def draw_text(image: Image.Image, element: Element, fonts: FontBook) -> None:
    """Paints a text onto an RGB image of SCALE times the canvas."""
    fitted = fit_text(element.text, element.font, element.box, fonts, image.width // SCALE, element.align)
    if element.style == "outline":
        stroke, at = letters(fitted, fonts, OUTLINE)
        image.paste(outline_colour(element), at, stroke)
    mask, at = letters(fitted, fonts)
    image.paste(colour_of(element), at, mask)


def object_place(picture_size: tuple[int, int], box: Box, width: int) -> tuple[int, int, int, int]:
    """(x, y, w, h) in pixels: the picture as large as the box allows, aspect kept, centred."""
    f = frame_of(box, width)
    k = min(f.w / picture_size[0], f.h / picture_size[1])
    w, h = (max(1, round(k * v)) for v in picture_size)
    return round(f.cx - w / 2), round(f.cy - h / 2), w, h


def _draw_object(image: Image.Image, element: Element, sketch: Image.Image | None) -> None:
    if sketch is None:
        _draw_patch(image, element)
        return
    x, y, w, h = object_place(sketch.size, element.box, image.width)
    picture = sketch.convert("RGBA").resize((w, h), Image.Resampling.BICUBIC)
    alpha = picture.getchannel("A")
    if element.style == "mono":
        image.paste(colour_of(element), (x, y), alpha)
    else:
        image.paste(picture.convert("RGB"), (x, y), alpha)


def _draw_patch(image: Image.Image, element: Element) -> None:
    """A soft rounded patch for an object without a sketch."""
    x, y, w, h = object_place((1, 1), element.box, image.width)
    mask = Image.new("L", (max(4, w // 4), max(4, h // 4)))
    ImageDraw.Draw(mask).ellipse((1, 1, mask.width - 2, mask.height - 2), fill=210)
    mask = mask.filter(ImageFilter.GaussianBlur(mask.width / 14)).resize((w, h), Image.Resampling.BILINEAR)
    image.paste(to_rgb(element.colour) if element.colour else (150, 150, 158), (x, y), mask)


# ---- warnings


def legibility_warnings(layout: Layout, fonts: FontBook | None = None) -> list[str]:
    """Sentences for people about texts that are hard or impossible to read; empty if all is well.

    Checked: characters without a glyph, letters too small, low contrast, overlap of texts, and quoted words of the
    prompt that no text holds.
    """
    fonts = fonts or default_fonts()
    texts = layout.texts
    fitted = [fit_text(e.text, e.font, e.box, fonts, align=e.align) for e in texts]
    found = [w for e, f in zip(texts, fitted, strict=True) for w in _text_warnings(e, f, fonts)]
    found += _contrast_warnings(layout, fitted)
    found += _overlap_warnings(texts, fitted)
    return found + _absent_words(layout)


def _shown(text: str) -> str:
    return f'"{text if len(text) <= 32 else text[:31] + "…"}"'


def _text_warnings(element: Element, fitted: Fitted, fonts: FontBook) -> list[str]:
    missing = fonts.missing(fitted.font, element.text)
    if missing:
        return [f"No installed font has {' '.join(missing[:8])} of {_shown(element.text)}; use other characters."]
    if fitted.x_height < SMALLEST:
        return [f"The text {_shown(element.text)} is too small to read; enlarge its box or shorten it."]
    return []


def _contrast_warnings(layout: Layout, fitted: list[Fitted]) -> list[str]:
    rest = tuple(e for e in layout.elements if e.kind in ("background", "panel"))
    if not layout.texts:
        return []
    size = 64
    ground = Image.new("RGB", (size, size), "white")
    if rest:
        ground = draw_ground(layout, size)
        for e in rest:
            if e.kind == "panel":
                draw_panel(ground, e)
    found = []
    for e, f in zip(layout.texts, fitted, strict=True):
        behind = _mean(ground, f)
        if e.style != "outline" and contrast(colour_of(e), behind) < LEAST_CONTRAST:
            found.append(f"The text {_shown(e.text)} hardly stands out from what is behind it; change its colour.")
    return found


def _mean(image: Image.Image, fitted: Fitted) -> tuple[float, ...]:
    """Mean colour where the lines stand."""
    boxes = [line.box for line in fitted.lines]
    edges = (min(b.x0 for b in boxes), min(b.y0 for b in boxes), max(b.x1 for b in boxes), max(b.y1 for b in boxes))
    x0, y0, x1, y1 = (round(v * image.width) for v in edges)
    part = image.crop((x0, y0, max(x0 + 1, x1), max(y0 + 1, y1))).resize((1, 1), Image.Resampling.BOX)
    value = part.getpixel((0, 0))
    return value if isinstance(value, tuple) else (255.0, 255.0, 255.0)


def _overlap_warnings(texts: tuple[Element, ...], fitted: list[Fitted]) -> list[str]:
    found = []
    for j, b in enumerate(fitted):
        for i, a in enumerate(fitted[:j]):
            if any(p.box.intersection(q.box) > 2e-4 for p in a.lines for q in b.lines):
                found.append(
                    f"The texts {_shown(texts[i].text)} and {_shown(texts[j].text)} overlap; move one of them."
                )
    return found


def _absent_words(layout: Layout) -> list[str]:
    try:
        wanted = quoted_words(layout.prompt)
    except UserError:  # a prompt that cannot be read asks for no words
        return []
    have = " ".join(e.text for e in layout.texts).casefold()
    absent = [w for w in dict.fromkeys(wanted) if w.casefold().strip(EDGES) not in have]
    shown = ", ".join(_shown(w) for w in absent[:5])
    return [f"The layout does not show {shown} of the prompt; add a text with it."] if absent else []
