"""What is read inside the planned boxes of many pictures, as records and means; `pipelines.vlad.readback` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaluation.metrics import mean, mean_or_none
from pipelines.types import Layout
from pipelines.vlad.ocr import Word
from pipelines.vlad.readback import read_texts


def in_box(words: Sequence[Word], layout: Layout) -> dict[str, Any]:
    """What is read inside each planned text box, and what is read outside all of them.

    Returns:
        boxes: per text element its planned text, the words read in its box, exact (case ignored), exact_normalised
        (edge punctuation ignored too) and edit_distance (normalised, 0 = equal); stray: words outside every text box.
    """
    texts, stray = read_texts(words, layout)
    boxes = [
        {
            "text": t.planned,
            "read": t.read,
            "exact": t.exact,
            "exact_normalised": t.exact_normalised,
            "edit_distance": t.edit_distance,
        }
        for t in texts
    ]
    return {"boxes": boxes, "stray": [w.text for w in stray]}


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
