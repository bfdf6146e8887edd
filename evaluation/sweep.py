"""Where to start, how many steps to take and how much guidance: held-out plans drawn at several, against their truths.

python -m evaluation.sweep --out FILE.json [--posters N]

Each held-out poster's own plan is drawn, so that only the second stage is measured: PSNR and a perceptual distance (one
minus the cosine of EfficientNet-Lite0 features, mean over pictures) to the truth, and the OCR F by the literal rule.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluation import metrics
from evaluation.features import Features
from evaluation.truths import NoTruths, held_out
from pipelines.vlad.ocr import RapidReader
from pipelines.vlad.word_scores import score_both

STARTS = (  # t0, steps
    *((0.25, 2), (0.25, 4), (0.5, 1), (0.5, 2), (0.5, 3), (0.5, 4), (0.5, 8)),
    *((0.75, 2), (0.75, 3), (0.75, 6), (1.0, 1), (1.0, 2), (1.0, 3), (1.0, 4), (1.0, 12)),
)
GUIDANCE = (1.25, 1.5, 2.0, 3.0)  # beside 1, at the last start with the steps that are the default
SETTINGS = (*((start, steps, 1.0) for start, steps in STARTS), *((1.0, 3, g) for g in GUIDANCE))


def psnr(a: Image.Image, b: Image.Image) -> float:
    """Peak signal-to-noise ratio in dB of two RGB pictures of one size, range 255."""
    error = np.square(np.asarray(a, float) - np.asarray(b, float)).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-6)))


def distances(a: np.ndarray, b: np.ndarray) -> float:
    """Mean of one minus the cosine between rows: (N, D), (N, D)."""
    cosine = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return float(1 - cosine.mean())


class Sweep:
    """Posters with their truths' features, and how a set of pictures compares with them."""

    def __init__(self, posters: Sequence[Any]) -> None:
        self.posters, self.features, self.reader = posters, Features(), RapidReader()
        self.truth = self.features([p.image for p in posters])

    def measure(self, pictures: Sequence[Image.Image]) -> dict[str, float]:
        scores = [
            score_both([e.text for e in p.layout.texts], [w.text for w in self.reader.read(image)])["literal"]
            for p, image in zip(self.posters, pictures, strict=True)
            if p.layout.texts
        ]
        return {
            "psnr": float(np.mean([psnr(p.image, i) for p, i in zip(self.posters, pictures, strict=True)])),
            "perceptual_distance": distances(self.features(pictures), self.truth),
            "ocr_f_literal": metrics.aggregate(scores)["f_measure"],
        }


def sweep(count: int) -> list[dict[str, Any]]:
    """One row per setting, with the canvas itself first."""
    from pipelines import load

    vlad, sets = load("mini"), Sweep(held_out(count, seed=7))
    layouts = [p.layout for p in sets.posters]
    rows: list[dict[str, Any]] = [{"start": 0.0, "steps": 0, **sets.measure([vlad.draft(x) for x in layouts])}]
    for start, steps, guidance in SETTINGS:
        pictures = [
            vlad.generate(x, seed=i, start=start, steps=steps, guidance=guidance).images[0]
            for i, x in enumerate(layouts)
        ]
        rows.append({"start": start, "steps": steps, "guidance": guidance, **sets.measure(pictures)})
        print(rows[-1], file=sys.stderr)
    return rows


def main() -> int:
    p = argparse.ArgumentParser(description="Measure the second stage at several starts and steps.")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--posters", type=int, default=48)
    args = p.parse_args()
    try:
        rows = sweep(args.posters)
    except NoTruths as e:
        print(e, file=sys.stderr)
        return 1
    args.out.write_text(json.dumps({"posters": args.posters, "rows": rows}, indent=1) + "\n", "utf-8")
    print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
