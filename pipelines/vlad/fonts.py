"""The fonts that texts are set in: categories, coverage of characters and nearest replacements.

A font is known by its id, the stem of its file ("montserrat-700"). Loaded sizes are kept, so asking again is cheap.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from PIL import ImageFont, features

FONTS_DIR = Path(__file__).resolve().parents[2] / "assets" / "fonts"
FONT_CATEGORIES = (
    "sans-serif", "heavy sans-serif", "condensed sans-serif", "serif", "slab serif", "display", "rounded", "script",
    "handwritten", "monospace",
)  # fmt: skip
# Categories of other catalogues and the nearest one here.
NEAREST = {"futuristic": "display", "pixel": "display", "typewriter": "monospace"}
# Which fonts cover most scripts, in the order in which they replace a font of the category.
WIDE_SANS = ("noto-sans-700", "noto-serif-700")
WIDE_SERIF = ("noto-serif-700", "noto-sans-700")
INVISIBLE = frozenset(" \t\n\r\u00a0\u00ad\u200b\u200c\u200d\u200e\u200f\u2009\u202f\u2060\ufeff\ufe0e\ufe0f")
MEASURE_PX = 200
MEASURED_KEPT = 50_000
_LAYOUT = ImageFont.Layout.RAQM if features.check("raqm") else ImageFont.Layout.BASIC


class Extent(NamedTuple):
    """Advance and ink box of a word relative to its start on the baseline (y down), in em."""

    advance: float
    left: float
    top: float
    right: float
    bottom: float


class FontBook:
    """Fonts of one or more folders.

    A folder holds *.ttf files and, in it or beside it, a catalogue fonts.json: a list of objects with "id" (or "file"),
    "category" (or "cat"), "family" and "caps_ok". Where two folders have the same id, the first one counts; files that
    no catalogue names are left out.

    Args:
        dirs: the folders, or one folder.

    Raises:
        FileNotFoundError: no folder has a font.
    """

    def __init__(self, dirs: Iterable[str | Path] | str | Path) -> None:
        self.dirs = tuple(Path(d) for d in ([dirs] if isinstance(dirs, (str, Path)) else dirs))
        self._rows: dict[str, dict[str, Any]] = {}
        for folder in self.dirs:
            for row in _catalogue(folder):
                self._rows.setdefault(row["id"], row)
        if not self._rows:
            raise FileNotFoundError(f"No font in {', '.join(map(str, self.dirs))}; run training.data.build_fonts.")
        self.ids = tuple(self._rows)
        self._of = {c: tuple(i for i in self.ids if self._rows[i]["category"] == c) for c in FONT_CATEGORIES}
        self._characters: dict[str, frozenset[int]] = {}
        self._loaded: dict[tuple[str, int], ImageFont.FreeTypeFont] = {}
        self._measured: dict[tuple[str, str], Extent] = {}

    def category(self, font_id: str) -> str:
        """One of FONT_CATEGORIES; "sans-serif" for a font that is not here."""
        row = self._rows.get(font_id)
        return row["category"] if row else "sans-serif"

    def family(self, font_id: str) -> str:
        """Name for people, "Montserrat"."""
        row = self._rows.get(font_id)
        return row["family"] if row else font_id

    def caps_ok(self, font_id: str) -> bool:
        """Whether words in capitals look right in it (not so in most scripts)."""
        row = self._rows.get(font_id)
        return bool(row["caps_ok"]) if row else True

    def of(self, category: str) -> tuple[str, ...]:
        """Ids of a category, in catalogue order; empty for an unknown category."""
        return self._of.get(category, ())

    def known(self, font_id: str | None) -> str:
        """The id itself, or the first font if it is None or not here."""
        return font_id if font_id in self._rows and font_id is not None else self.ids[0]

    def load(self, font_id: str, px: int) -> ImageFont.FreeTypeFont:
        """The font with an em of `px` pixels (at least 4); an unknown id gives the first font."""
        key = self.known(font_id), max(4, int(px))
        font = self._loaded.get(key)
        if font is None:
            font = ImageFont.truetype(str(self._rows[key[0]]["path"]), key[1], layout_engine=_LAYOUT)
            self._loaded[key] = font
        return font

    def measure(self, font_id: str, word: str) -> Extent:
        """Extent of a word, as shares of the em."""
        key = self.known(font_id), word
        extent = self._measured.get(key)
        if extent is None:
            font = self.load(font_id, MEASURE_PX)
            ink = font.getbbox(word, anchor="ls")
            extent = Extent(*(v / MEASURE_PX for v in (font.getlength(word), *ink)))
            if len(self._measured) >= MEASURED_KEPT:
                self._measured.clear()
            self._measured[key] = extent
        return extent

    def missing(self, font_id: str, text: str) -> str:
        """The visible characters of the text without a glyph, each once, in order; "" if it covers them all."""
        have = self._coverage(self.known(font_id))
        return "".join(dict.fromkeys(c for c in text if ord(c) not in have and c not in INVISIBLE))

    def covers(self, font_id: str, text: str) -> bool:
        """Whether every visible character has a glyph."""
        return not self.missing(font_id, text)

    def fallback(self, font_id: str, text: str) -> str | None:
        """The nearest font that covers the text: itself, one of its category, a wide one, any one; or None."""
        font_id = self.known(font_id)
        category = self.category(font_id)
        wide = WIDE_SERIF if category in ("serif", "slab serif") else WIDE_SANS
        order = [font_id, *self.of(category), *(i for i in wide if i in self._rows), *self.ids]
        return next((i for i in order if self.covers(i, text)), None)

    def _coverage(self, font_id: str) -> frozenset[int]:
        if font_id not in self._characters:
            self._characters[font_id] = _codepoints(self._rows[font_id]["path"])
        return self._characters[font_id]


def _catalogue(folder: Path) -> list[dict[str, Any]]:
    """Rows with id, path, category, family and caps_ok of the fonts that the folder holds."""
    file = next((f for f in (folder / "fonts.json", folder.parent / "fonts.json") if f.is_file()), None)
    rows = []
    for entry in json.loads(file.read_text("utf-8")) if file else []:
        font_id = entry.get("id") or Path(entry["file"]).stem
        category = entry.get("category") or entry.get("cat", "sans-serif")
        path = folder / f"{font_id}.ttf"
        if path.is_file():
            category = NEAREST.get(category, category)
            rows.append(
                {
                    "id": font_id,
                    "path": path,
                    "category": category if category in FONT_CATEGORIES else "sans-serif",
                    "family": entry.get("family", font_id),
                    "caps_ok": entry.get("caps_ok", True),
                }
            )
    return rows


def _codepoints(path: Path) -> frozenset[int]:
    """Unicode codepoints with a glyph, read from the "cmap" table (OpenType 1.9, subtable formats 4 and 12)."""
    data = path.read_bytes()
    tables = {data[i : i + 4]: int.from_bytes(data[i + 8 : i + 12]) for i in range(12, 12 + 16 * _u16(data, 4), 16)}
    start = tables[b"cmap"]
    found: set[int] = set()
    for i in range(_u16(data, start + 2)):
        record = start + 4 + 8 * i
        if _u16(data, record) in (0, 3):
            found |= _subtable(data, start + int.from_bytes(data[record + 4 : record + 8]))
    return frozenset(found)


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2])


def _subtable(data: bytes, at: int) -> set[int]:
    """Codepoints of one subtable; empty for formats other than 4 and 12."""
    kind = _u16(data, at)
    if kind == 12:
        groups = (data[at + 16 + 12 * i : at + 28 + 12 * i] for i in range(int.from_bytes(data[at + 12 : at + 16])))
        return {c for g in groups for c in range(int.from_bytes(g[:4]), int.from_bytes(g[4:8]) + 1)}
    return _format4(data, at) if kind == 4 else set()


def _format4(data: bytes, at: int) -> set[int]:
    """Codepoints of a format 4 subtable: segments of consecutive codes that map by delta or by a glyph list."""
    n = _u16(data, at + 6) // 2
    ends, starts, deltas, offsets = (at + 14 + k for k in (0, 2 * n + 2, 4 * n + 2, 6 * n + 2))
    found: set[int] = set()
    for i in range(n):
        first, last = _u16(data, starts + 2 * i), _u16(data, ends + 2 * i)
        delta, offset = _u16(data, deltas + 2 * i), _u16(data, offsets + 2 * i)
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = _u16(data, offsets + 2 * i + offset + 2 * (code - first)) if offset else code
            if glyph and (glyph + delta) & 0xFFFF:
                found.add(code)
    return found


@lru_cache(1)
def default_fonts() -> FontBook:
    """The fonts in assets/fonts."""
    return FontBook(FONTS_DIR)
