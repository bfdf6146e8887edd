"""Reading words back from pictures with rapidocr (its ONNX models come inside the package; no network)."""

from __future__ import annotations

import importlib.metadata
import logging
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image

from evaluation.metrics import literal, mean, mean_or_none, normalised, normalised_edit_distance
from pipelines.types import Box, Element, Layout

SETTINGS: dict[str, dict[str, Any]] = {
    "rapidocr": {"Det.limit_side_len": 480, "Global.text_score": 0.8},
    "rapidocr-default": {},
}
BOX_MARGIN = 0.02  # of the canvas: a word belongs to a box when its centre is at most this far outside
_SYMBOLS = frozenset("‘’“”„«»–—…·•£€¥°©®™×")


@dataclass(frozen=True)
class Word:
    """One word that was read: its text and where it stands, as shares of the picture."""

    text: str
    box: Box

    def to_dict(self) -> dict[str, Any]:
        return {"text": self.text, "box": self.box.as_list()}


class Reader(Protocol):
    """Anything that reads words from a picture."""

    name: str

    def read(self, image: Image.Image) -> list[Word]: ...


class RapidReader:
    """rapidocr with PP-OCR detection and recognition on one thread, without the angle classifier.

    "rapidocr" detects at a longer side of 480 px and keeps lines with a confidence of at least 0.8, which removes most
    letters hallucinated on drawings; "rapidocr-default" is the package's own configuration. Both drop lines with
    characters outside the Latin script, digits and common punctuation.

    Raises:
        KeyError: `engine` is none of SETTINGS.
    """

    def __init__(self, engine: str = "rapidocr", threads: int = 1) -> None:
        from rapidocr import RapidOCR

        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        settings = SETTINGS[engine]
        self._engine = RapidOCR(
            params={
                **settings,
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": threads,
                "Global.log_level": "error",
            }
        )
        stated = ", ".join(f"{k.split('.')[-1]} {v}" for k, v in settings.items()) or "package defaults"
        self.name = f"rapidocr {importlib.metadata.version('rapidocr')} ({stated}, no angle classifier)"

    def read(self, image: Image.Image) -> list[Word]:
        """Words in the order the engine reports them, with boxes in [0, 1]."""
        bgr = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
        result: Any = self._engine(bgr, use_cls=False, return_word_box=True)
        if result.txts is None or result.boxes is None:
            return []
        parts = list(result.word_results or ())
        parts += [()] * (len(result.txts) - len(parts))
        words: list[Word] = []
        for text, quad, pieces in zip(result.txts, result.boxes, parts, strict=False):
            if readable(text):
                words += _words_of_line(text, np.asarray(quad, float), pieces, image.size)
        return words


def readable(text: str) -> bool:
    """Whether every character is one this evaluation reads: ASCII, Latin letters or common symbols."""
    return all(c.isascii() or c in _SYMBOLS or unicodedata.name(c, "").startswith("LATIN") for c in text)


def _words_of_line(text: str, quad: np.ndarray, pieces: Sequence[Any], size: tuple[int, int]) -> list[Word]:
    """Split a line on white space; boxes from the engine's own words if they agree, else by character position."""
    tokens = text.split()
    quads = [np.asarray(p[2], float) for p in pieces if len(p) > 2 and p[2] is not None]
    if len(quads) != len(tokens):
        quads = _split_quad(text, tokens, quad)
    return [Word(t, _box_of(q, size)) for t, q in zip(tokens, quads, strict=True)]


def _split_quad(text: str, tokens: Sequence[str], quad: np.ndarray) -> list[np.ndarray]:
    """Share the line's quad (4, 2), corners clockwise from top left, among its tokens by their character positions."""
    quads, position = [], 0
    for token in tokens:
        start = text.index(token, position)
        position = start + len(token)
        left, right = start / len(text), position / len(text)
        top, bottom = quad[1] - quad[0], quad[2] - quad[3]
        corners = (quad[0] + left * top, quad[0] + right * top, quad[3] + right * bottom, quad[3] + left * bottom)
        quads.append(np.stack(corners))
    return quads


def _box_of(quad: np.ndarray, size: tuple[int, int]) -> Box:
    """Bounding box, as shares of a (width, height) picture, of a quad (4, 2) in pixels."""
    x, y = quad[:, 0] / size[0], quad[:, 1] / size[1]
    return Box.clipped(float(x.min()), float(y.min()), float(x.max()), float(y.max()), least=0.01)


def inside(word: Word, box: Box, margin: float = BOX_MARGIN) -> bool:
    """Whether the centre of the word lies in the box, grown by `margin` of the canvas on each side."""
    x, y = word.box.centre
    return box.x0 - margin <= x <= box.x1 + margin and box.y0 - margin <= y <= box.y1 + margin


def reading_order(words: Sequence[Word]) -> list[Word]:
    """Words from top to bottom in lines, and from left to right in a line.

    A word joins a line when its centre lies within half the height of the line's first word.
    """
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda w: w.box.centre[1]):
        first = lines[-1][0] if lines else None
        if first and abs(word.box.centre[1] - first.box.centre[1]) < 0.5 * max(first.box.height, word.box.height):
            lines[-1].append(word)
        else:
            lines.append([word])
    return [w for line in lines for w in sorted(line, key=lambda w: w.box.x0)]


def assign(words: Sequence[Word], texts: Sequence[Element]) -> tuple[list[list[Word]], list[Word]]:
    """Give each word to the text element whose box holds its centre (the nearest centre if several do).

    Returns:
        words per text element in reading order, and the stray words that lie in no box.
    """
    owned: list[list[Word]] = [[] for _ in texts]
    stray = []
    for word in words:
        holders = [i for i, e in enumerate(texts) if inside(word, e.box)]
        if holders:
            owned[min(holders, key=lambda i: _offset(word.box, texts[i].box))].append(word)
        else:
            stray.append(word)
    return [reading_order(w) for w in owned], stray


def _offset(a: Box, b: Box) -> float:
    """Distance of two centres relative to the size of `b`."""
    (ax, ay), (bx, by) = a.centre, b.centre
    return ((ax - bx) / b.width) ** 2 + ((ay - by) / b.height) ** 2


def in_box(words: Sequence[Word], layout: Layout) -> dict[str, Any]:
    """What is read inside each planned text box, and what is read outside all of them.

    Returns:
        boxes: per text element its planned text, the words read in its box, exact (case ignored), exact_normalised
        (edge punctuation ignored too) and edit_distance (normalised, 0 = equal); stray: words outside every text box.
    """
    owned, stray = assign(words, layout.texts)
    boxes = []
    for element, found in zip(layout.texts, owned, strict=True):
        read = [w.text for w in found]
        boxes.append({"text": element.text, "read": " ".join(read), **compare(element.text, read)})
    return {"boxes": boxes, "stray": [w.text for w in stray]}


def compare(text: str, read: Sequence[str]) -> dict[str, Any]:
    """Exact match, exact match without edge punctuation, and normalised edit distance; case ignored."""
    want, got = " ".join(literal([text])), " ".join(literal(read))
    return {
        "exact": want == got,
        "exact_normalised": normalised([text]) == normalised(read),
        "edit_distance": round(normalised_edit_distance(want, got), 4),
    }


def summarise_in_box(readings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over all text boxes of all images; stray words per image and the share of images without any."""
    boxes = [b for r in readings for b in r["boxes"]]
    return {
        "boxes": len(boxes),
        "exact": mean_or_none([float(b["exact"]) for b in boxes]),
        "exact_normalised": mean_or_none([float(b["exact_normalised"]) for b in boxes]),
        "edit_distance": mean_or_none([b["edit_distance"] for b in boxes]),
        "stray_words_per_image": mean([len(r["stray"]) for r in readings]),
        "images_without_stray_words": mean_or_none([float(not r["stray"]) for r in readings]),
    }
