"""Named colours, harmonious palettes and contrast (WCAG 2). Colours are (r, g, b) in 0-255 or "#rrggbb"."""

from __future__ import annotations

RGB = tuple[int, int, int]

COLOURS: dict[str, RGB] = {
    "red": (207, 40, 45),
    "maroon": (110, 24, 40),
    "coral": (250, 120, 98),
    "orange": (240, 125, 30),
    "peach": (255, 214, 184),
    "gold": (214, 162, 44),
    "yellow": (252, 208, 58),
    "cream": (253, 245, 222),
    "beige": (232, 217, 190),
    "brown": (106, 66, 40),
    "green": (42, 140, 72),
    "dark green": (20, 74, 50),
    "mint": (196, 236, 214),
    "lime green": (152, 200, 60),
    "olive": (112, 116, 48),
    "teal": (18, 122, 126),
    "turquoise": (70, 196, 196),
    "sky blue": (128, 198, 240),
    "light blue": (205, 230, 248),
    "blue": (36, 98, 200),
    "navy blue": (24, 38, 88),
    "purple": (112, 60, 168),
    "dark purple": (54, 28, 88),
    "lavender": (220, 206, 244),
    "pink": (246, 150, 184),
    "light pink": (252, 216, 228),
    "hot pink": (226, 44, 122),
    "white": (255, 255, 255),
    "light gray": (226, 228, 232),
    "gray": (128, 132, 140),
    "charcoal": (46, 50, 58),
    "black": (22, 22, 26),
}

# background -> (colours that read well as text on it, accents)
PALETTES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cream": (
        ("maroon", "navy blue", "dark green", "brown", "teal", "charcoal", "red"),
        ("coral", "gold", "mint", "peach", "teal"),
    ),
    "white": (
        ("black", "navy blue", "red", "teal", "hot pink", "purple", "dark green", "blue", "maroon", "charcoal"),
        ("yellow", "coral", "turquoise", "light blue", "pink", "mint"),
    ),
    "beige": (
        ("brown", "maroon", "navy blue", "dark green", "black"),
        ("coral", "olive", "gold", "cream", "teal"),
    ),
    "peach": (
        ("maroon", "navy blue", "brown", "dark green", "purple"),
        ("coral", "cream", "teal", "gold"),
    ),
    "yellow": (
        ("black", "navy blue", "maroon", "dark purple", "brown", "charcoal"),
        ("white", "orange", "red", "blue"),
    ),
    "gold": (
        ("black", "navy blue", "maroon", "dark purple"),
        ("cream", "white", "black"),
    ),
    "orange": (
        ("black", "navy blue", "dark purple"),
        ("cream", "yellow", "maroon"),
    ),
    "coral": (
        ("navy blue", "maroon", "black", "dark purple"),
        ("cream", "yellow", "white", "peach"),
    ),
    "red": (
        ("white", "cream", "yellow"),
        ("gold", "white", "yellow", "maroon"),
    ),
    "maroon": (
        ("cream", "gold", "white", "peach", "yellow", "light pink"),
        ("gold", "coral", "cream"),
    ),
    "pink": (
        ("maroon", "navy blue", "dark purple", "black"),
        ("white", "cream", "yellow", "hot pink"),
    ),
    "light pink": (
        ("hot pink", "maroon", "purple", "navy blue", "dark green"),
        ("hot pink", "white", "coral", "gold"),
    ),
    "hot pink": (
        ("white", "cream", "yellow"),
        ("yellow", "white", "light pink", "navy blue"),
    ),
    "green": (
        ("white", "cream", "yellow"),
        ("yellow", "mint", "cream", "lime green"),
    ),
    "dark green": (
        ("cream", "gold", "white", "mint", "yellow", "peach"),
        ("gold", "red", "lime green", "mint"),
    ),
    "mint": (
        ("dark green", "navy blue", "maroon", "teal", "purple"),
        ("coral", "white", "teal", "pink"),
    ),
    "lime green": (
        ("dark green", "navy blue", "black", "maroon"),
        ("white", "yellow", "dark green"),
    ),
    "olive": (
        ("cream", "white", "yellow"),
        ("gold", "cream", "beige"),
    ),
    "teal": (
        ("white", "cream", "yellow", "peach"),
        ("coral", "yellow", "mint", "cream"),
    ),
    "turquoise": (
        ("navy blue", "black", "maroon", "dark purple"),
        ("white", "yellow", "coral", "cream"),
    ),
    "sky blue": (
        ("navy blue", "black", "maroon", "dark purple"),
        ("white", "yellow", "coral", "cream"),
    ),
    "light blue": (
        ("navy blue", "blue", "maroon", "teal", "purple", "red"),
        ("white", "yellow", "coral", "pink"),
    ),
    "blue": (
        ("white", "yellow", "cream", "light blue"),
        ("yellow", "sky blue", "white", "coral"),
    ),
    "navy blue": (
        ("white", "gold", "cream", "yellow", "sky blue", "coral", "mint", "pink", "peach"),
        ("gold", "coral", "turquoise", "pink"),
    ),
    "purple": (
        ("white", "yellow", "cream", "light pink", "mint"),
        ("pink", "yellow", "lavender", "turquoise"),
    ),
    "dark purple": (
        ("white", "yellow", "pink", "gold", "mint", "lavender", "orange", "peach"),
        ("pink", "gold", "orange", "turquoise"),
    ),
    "lavender": (
        ("dark purple", "purple", "navy blue", "maroon"),
        ("white", "pink", "yellow", "purple"),
    ),
    "light gray": (
        ("black", "navy blue", "red", "teal", "purple", "charcoal"),
        ("white", "coral", "teal", "yellow"),
    ),
    "gray": (
        ("white", "black"),
        ("white", "yellow"),
    ),
    "brown": (
        ("cream", "white", "yellow", "peach", "mint"),
        ("gold", "beige", "coral"),
    ),
    "charcoal": (
        ("white", "yellow", "cream", "mint", "coral", "sky blue", "pink", "orange"),
        ("yellow", "coral", "turquoise"),
    ),
    "black": (
        ("white", "yellow", "gold", "cream", "sky blue", "pink", "orange", "mint", "coral"),
        ("gold", "red", "turquoise", "white"),
    ),
}


def to_hex(rgb: tuple[float, ...]) -> str:
    """(r, g, b) in 0-255, any float -> "#rrggbb"."""
    return "#" + "".join(f"{round(min(255.0, max(0.0, v))):02x}" for v in rgb[:3])


def to_rgb(value: str) -> RGB:
    """ "#rrggbb" -> (r, g, b) in 0-255."""
    return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)


def luminance(rgb: tuple[float, ...]) -> float:
    """Relative luminance in [0, 1] (WCAG 2)."""
    linear = [(v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4) for v in rgb[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Contrast ratio in [1, 21] (WCAG 2)."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def shade(rgb: tuple[float, ...], k: float) -> RGB:
    """Towards white for k > 0, towards black for k < 0; k in [-1, 1]."""
    moved = [v + (255 - v) * k if k > 0 else v * (1 + k) for v in rgb[:3]]
    r, g, b = (int(min(255, max(0, v))) for v in moved)
    return r, g, b


def distance(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Weighted Euclidean distance, about 0-440."""
    return sum(w * (x - y) ** 2 for w, x, y in zip((0.9, 1.4, 0.7), a, b, strict=False)) ** 0.5


def name_of(rgb: tuple[float, ...]) -> str:
    """The nearest named colour."""
    return min(COLOURS, key=lambda n: distance(COLOURS[n], rgb))
