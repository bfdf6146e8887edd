"""Pictures of VLSA: what comes back of an image from its embeddings and from its codes, and what of both the language
model predicts.

Everything is compared with `View.picture`: RGB, uint8, 256 x 256, the padded image; data range 255.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluation import metrics
from evaluation.colour_distance import rgb_difference
from pipelines.vlsa.types import CODE_GRID, CODES, View

Measured = Mapping[str, Any]
VARIANTS = {"full": True, "snapshot": False}  # name -> whether SA-Perceiver adds the tiles to the snapshot
STAGES = {"preview": "preview", "done": "diffusion"}  # stage as reported -> name in the results
PSNR_LIMIT = 60.0  # dB: pictures that are nearly equal, such as flat ones, count as that
VERTICES = 2  # quarters of each picture whose colours are asked for
MEASURES = ("psnr", "ssim", "perceptual")
PERCEPTUAL = "EfficientNet-Lite0 features of five stages, not LPIPS"


# ---- one image


def rebuild(pipe: Any, view: View, stem: Path, seed: int) -> dict[str, Any]:
    """Reconstructions of an image with and without SA-Perceiver, saved as `stem`-full-preview.png, ....

    Returns:
        variant -> stage -> psnr, ssim, perceptual, seconds, file.
    """
    view.picture().save(_named(stem, "true"))
    found: dict[str, Any] = {}
    for variant, perceiver in VARIANTS.items():
        found[variant] = {}
        for report in pipe.reconstruct(view, seed=seed, perceiver=perceiver):
            if report.stage not in STAGES:
                continue
            file = _named(stem, f"{variant}-{STAGES[report.stage]}")
            report.image.save(file)
            row = {name: _finite(getattr(report, name)) for name in MEASURES}
            found[variant][STAGES[report.stage]] = {**row, "seconds": report.seconds, "file": file.name}
    return found


def codes(pipe: Any, view: View, stem: Path) -> dict[str, Any]:
    """Codes of an image and what the VQ-VAE decodes of them, saved as `stem`-vq.png.

    Returns:
        true: CODE_GRID rows of codes; psnr, ssim, perceptual of the decoded picture; file.
    """
    from pipelines.vlsa import quality

    tokens, picture = pipe.tokens(view), view.picture()
    file = _named(stem, "vq")
    tokens.decoded.save(file)
    row = {name: _finite(getattr(quality, name)(tokens.decoded, picture)) for name in MEASURES}
    return {"true": tokens.true.tolist(), **row, "file": file.name}


def cognition(pipe: Any, view: View, rng: Any) -> dict[str, Any]:
    """Codes and colours that the language model predicts.

    Where the pipeline has `predict_scores(view) -> (CODE_GRID, CODE_GRID, 5)`, the five likeliest codes, the share of
    places where the true code is among them is added.

    Returns:
        index: rows of predicted codes, -1 where none was; top_5: (CODE_GRID^2) hits or None; mean: mean RGB of the
        picture; quarters: vertex with true and predicted colours (4, 4, 3).
    """
    index = np.full((CODE_GRID, CODE_GRID), -1)
    for report in pipe.predict(view):
        index = report.index
    scores, top_5 = getattr(pipe, "predict_scores", None), None
    if scores is not None:
        top_5 = (np.asarray(scores(view)) == pipe.tokens(view).true[..., None]).any(-1).astype(int).tolist()
    quarters = [_quarter(pipe, view, (rng.randint(0, 4), rng.randint(0, 4))) for _ in range(VERTICES)]
    mean = np.asarray(view.picture(), float).mean((0, 1))
    return {"index": index.tolist(), "top_5": top_5, "mean": mean.round(2).tolist(), "quarters": quarters}


def _quarter(pipe: Any, view: View, vertex: tuple[int, int]) -> dict[str, Any]:
    found = pipe.pixels(view, vertex)
    return {"vertex": list(vertex), "true": found.true.tolist(), "predicted": found.predicted.tolist()}


def _named(stem: Path, suffix: str) -> Path:
    return stem.with_name(f"{stem.name}-{suffix}.png")


def _finite(value: float | None) -> float | None:
    """A measure that may be written as JSON: an infinite PSNR becomes PSNR_LIMIT, and so does any above it."""
    return None if value is None else min(float(value), PSNR_LIMIT)


# ---- all images


def summarise_rebuilt(
    records: Sequence[Measured], folder: Path, features: Callable[[Sequence[Image.Image]], np.ndarray] | None
) -> dict[str, Any]:
    """variant -> stage -> means of psnr, ssim, perceptual, seconds, and the Fréchet distance to the true pictures.

    Args:
        folder: where `rebuild` saved the pictures.
        features: images -> (N, D); None leaves the Fréchet distance out.
    """
    if not records:
        return {}
    truths = features(_opened(folder, [f"{r['name']}-true.png" for r in records])) if features else None
    found: dict[str, Any] = {}
    for variant in VARIANTS:
        for stage in STAGES.values():
            rows = [r["rebuilt"][variant][stage] for r in records if stage in r["rebuilt"][variant]]
            figures = _means(rows) | {"frechet": None}
            if features and truths is not None and len(rows) == len(records) > 1:
                figures["frechet"] = metrics.frechet_distance(
                    features(_opened(folder, [r["file"] for r in rows])), truths
                )
            found.setdefault(variant, {})[stage] = figures
    return {"pictures": len(records), **found}


def _means(rows: Sequence[Measured]) -> dict[str, float | None]:
    return {name: metrics.mean_or_none([r.get(name) for r in rows]) for name in (*MEASURES, "seconds")}


def _opened(folder: Path, names: Sequence[str]) -> list[Image.Image]:
    return [Image.open(folder / name).convert("RGB") for name in names]


def summarise_codes(records: Sequence[Measured]) -> dict[str, Any]:
    """Means of the decoded pictures' psnr, ssim and perceptual, and the use of the codebook over all images."""
    if not records:
        return {}
    counts = np.bincount(np.concatenate([_grid(r["codes"]["true"]).ravel() for r in records]), minlength=CODES)
    means = _means([r["codes"] for r in records])
    return {"pictures": len(records), **{m: means[m] for m in MEASURES}, **metrics.codebook(counts)}


def summarise_cognition(records: Sequence[Measured]) -> dict[str, Any]:
    """Index accuracy and colour errors beside their baselines.

    Returns:
        top_1, top_5: share of codes; baseline_top_1, baseline_top_5: of always guessing the most frequent codes of
        these very images, the best that a constant guess could reach; pixel_mae in [0, 255] and delta_e (CIEDE2000);
        the same of a constant guess of the mean colour of all images, and of each image's own mean colour.
    """
    if not records:
        return {}
    true = np.stack([_grid(r["codes"]["true"]) for r in records])
    index = np.stack([_grid(r["cognition"]["index"]) for r in records])
    frequencies = np.sort(np.bincount(true.ravel(), minlength=CODES) / true.size)[::-1]
    hits = [r["cognition"]["top_5"] for r in records]
    return {
        "pictures": len(records),
        "top_1": float(np.mean(index == true)),
        "baseline_top_1": float(frequencies[0]),
        "top_5": None if any(h is None for h in hits) else float(np.mean(hits)),
        "baseline_top_5": float(frequencies[:5].sum()),
        **_colour_errors([r["cognition"] for r in records]),
    }


def _colour_errors(records: Sequence[Measured]) -> dict[str, float]:
    """Mean absolute errors and CIEDE2000 of predictions and of the two constant guesses."""
    true = np.concatenate([[q["true"] for q in r["quarters"]] for r in records]).astype(float)  # (N, 4, 4, 3)
    predicted = np.concatenate([[q["predicted"] for q in r["quarters"]] for r in records]).astype(float)
    own = np.concatenate([np.tile(r["mean"], (len(r["quarters"]), 1)) for r in records])[:, None, None, :]
    constant = np.mean([r["mean"] for r in records], axis=0)
    guesses = {"": predicted, "mean_colour_": constant, "own_mean_": own}
    errors = {}
    for name, guess in guesses.items():
        guess = np.broadcast_to(guess, true.shape)
        errors[f"{name}pixel_mae"] = float(np.abs(guess - true).mean())
        errors[f"{name}delta_e"] = float(rgb_difference(guess, true).mean())
    return errors


def _grid(rows: Sequence[Sequence[int]]) -> np.ndarray:
    return np.asarray(rows, dtype=int)
