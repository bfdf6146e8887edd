"""Reading words from pictures with rapidocr (its ONNX models come inside the package; no network).

Importing this module loads neither torch nor rapidocr; making a `RapidReader` loads the latter.
"""

from __future__ import annotations

import importlib.metadata
import logging
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image

from pipelines.errors import CheckpointMissing
from pipelines.types import Box

SETTINGS: dict[str, dict[str, Any]] = {
    "rapidocr": {"Det.limit_side_len": 480, "Global.text_score": 0.8},
    "rapidocr-default": {},
}
NOT_INSTALLED = "Text recognition is not installed; run pip install -r requirements.txt to have pictures read back."
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
        CheckpointMissing: rapidocr or onnxruntime is not installed.
    """

    def __init__(self, engine: str = "rapidocr", threads: int = 1) -> None:
        try:
            from rapidocr import RapidOCR
        except ImportError as e:
            raise CheckpointMissing(NOT_INSTALLED) from e
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        settings = SETTINGS[engine]
        self._one = threading.Lock()  # the engine keeps sizes of the picture at hand
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
        with self._one:
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
    """Whether every character is one that is read here: ASCII, Latin letters or common symbols."""
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
