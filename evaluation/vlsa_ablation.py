"""The rows of Table 3: what compressive encoding, reconstructive training and cognition alignment each add.

Every row is a short training of its own, in a folder of its own, with the figures that training measured on held-out
posters in metrics.json: steps, minutes, and those of FIGURES that it can measure. Trainings that differ in their seed
lie in folders beside each other: DIR/row2 for one seed, DIR/seed-1/row2 for several.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import UserError

ROWS = {  # folder -> number and name of the row
    "row2": "(2) low resolution only",
    "row3": "(3) + compressive high-resolution encoding (a)",
    "row4": "(4) + reconstructive training (a, b)",
    "row5": "(5) cognition alignment only (c)",
    "row6": "(6) all (a, b, c)",
}
FIGURES = (
    "psnr", "ssim", "letter_accuracy", "object_accuracy", "number_accuracy", "ground_accuracy", "answer_nll",
    "code_top1", "pixel_mae",
)  # fmt: skip
PROTOCOL = (
    "Each row is a training of its own: the published vision encoder as it is, all else new, of the same length on "
    "the same posters in the same order, with a small decoder in place of the language model, so that all of them fit; "
    "figures are on held-out posters after the last step. Letters, objects, numbers and grounds are read off V by the "
    "linear maps that are trained along with it, and the loss is that of true answers by teacher forcing: after so few "
    "steps no row's answers are right, and V is what the rows differ in. They tell what a part adds at that length, "
    "and are not those of the published weights. The paper's rows are trainings of LLaVA-NeXT on other data and other "
    "measures; compare directions, not values."
)


def read_rows(folder: str | Path) -> dict[str, Any]:
    """The rows that are there, and in words how they were made.

    Returns:
        rows: variant, label, and steps, minutes and FIGURES as lists with one value for each seed (None for what was
        not measured); missing: labels of the rows that are not there; protocol.

    Raises:
        UserError: no row is there, or a file is not what training writes.
    """
    rows, missing = [], []
    for name, label in ROWS.items():
        paths = sorted([*Path(folder).glob(f"{name}/metrics.json"), *Path(folder).glob(f"*/{name}/metrics.json")])
        if paths:
            found = [_figures(path) for path in paths]
            rows.append({"variant": name, "label": label, **{k: [f[k] for f in found] for k in found[0]}})
        else:
            missing.append(label)
    if not rows:
        raise UserError(f"{folder} holds no row2/metrics.json to row6/metrics.json; train the variants first.")
    return {"rows": rows, "missing": missing, "protocol": " ".join((PROTOCOL, *_lengths(rows)))}


def _figures(path: Path) -> dict[str, Any]:
    """Steps, minutes and FIGURES of a file.

    Raises:
        UserError: not a JSON object, or figures that are not numbers.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
        return {k: None if data.get(k) is None else float(data[k]) for k in ("steps", "minutes", *FIGURES)}
    except (OSError, ValueError, TypeError, AttributeError) as e:
        raise UserError(f"{path} cannot be read as the figures of a training ({e}); train that row again.") from e


def _lengths(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A sentence about steps and minutes, which says when they differ."""
    steps, minutes = ([x for r in rows for x in r[k] if x is not None] for k in ("steps", "minutes"))
    seeds = sorted({len(r["steps"]) for r in rows})
    said = []
    if steps and min(steps) == max(steps):
        said.append(f"Steps: {steps[0]:,.0f} each.")
    elif steps:
        said.append(f"Steps differ, {min(steps):,.0f} to {max(steps):,.0f}, so rows compare only roughly.")
    if seeds[0] == seeds[-1] > 1:
        said.append(f"Seeds: {seeds[0]} each; mean (least to greatest).")
    elif seeds[-1] > 1:
        said.append(f"Seeds differ, {seeds[0]} to {seeds[-1]}; mean (least to greatest).")
    if minutes:
        said.append(f"Minutes: {min(minutes):.0f} to {max(minutes):.0f}.")
    return said
