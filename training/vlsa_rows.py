"""The rows of Table 3, each a short training of its own behind the published vision encoder as it is.

    python -m training.vlsa_rows --prepare --posters DIR --features FEATURES
    python -m training.vlsa_rows --row N --posters DIR --features FEATURES --out runs/variants/seed-S/rowN --seed S
    python -m training.vlsa_rows --row 6 --side 4 --posters DIR --features FEATURES --out runs/lengths/16

What the encoder sees of each picture is computed once, since it does not learn here; SA-Perceiver and all behind it
begin anew. A small decoder stands in place of the language model, so that fifteen trainings fit. `--side` compares
lengths l of V in the same way.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.models.perceiver import SAPerceiver, encode_views
from pipelines.vlsa.loaders import load_part
from training.loop import RunConfig, chosen, fit, parser
from training.vlsa import SMOKE_SIZES, Shape, VlsaStage
from training.vlsa_batches import Pictures, Sight, Talk, load_pictures, sight

PICTURES, TESTED = 1500, 96  # posters that are learned from, and measured on
FRAME = 2, 2
CONFIGS = {
    "smoke": RunConfig(steps=2, batch=2, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(steps=300, batch=16, lr=1e-3, warmup=20, ema=0.98, eval_every=100, save_every=100, precision="no"),
    "gpu": RunConfig(steps=4000, batch=96, lr=1e-3, warmup=50, ema=0.99, minutes=2, eval_every=1000, save_every=4000),
}
# With the small decoder in place of the language model, each of the same length from the same start. Row (5) keeps the
# snapshot alone here: all tiles unmerged, as in the paper's, would not fit the decoder.
FROZEN = Shape(vision=False, talk=0.125)
ROWS = {
    2: dataclasses.replace(FROZEN, tiles=False, reconstruct=False, denoiser=False),
    3: dataclasses.replace(FROZEN, reconstruct=False, denoiser=False),
    4: FROZEN,
    5: dataclasses.replace(FROZEN, tiles=False, reconstruct=False, denoiser=False, cognition=0.5),
    6: dataclasses.replace(FROZEN, cognition=0.5),
}


class Features:
    """V_Lo and V_Hi of the first pictures of a data set, in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.lo, self.hi = (np.load(folder / f"{name}-{part}.npy", mmap_mode="r") for part in ("lo", "hi"))

    def __len__(self) -> int:
        return len(self.lo)

    @staticmethod
    @torch.no_grad()
    def prepare(folder: Path, name: str, data: Pictures, count: int, checkpoints: Path) -> None:
        """Compute them with the published encoder and write them."""
        vision = load_part("vision", checkpoints)
        folder.mkdir(parents=True, exist_ok=True)
        count, files = min(count, len(data)), {}
        for first in range(0, count, 16):
            rows = np.arange(first, min(first + 16, count))
            s = sight(data, rows, FRAME, (1.0, 1.0))
            for part, seen in zip(("lo", "hi"), encode_views(vision, s.snapshot, s.tiles, FRAME, True), strict=True):
                if part not in files:
                    path = folder / f"{name}-{part}.npy"
                    shape = (count, *seen.shape[1:])
                    files[part] = np.lib.format.open_memmap(path, "w+", np.float16, shape)
                files[part][rows] = seen.half().numpy()


class Shorter(nn.Module):
    """SA-Perceiver with l = side^2 visual tokens: the snapshot's tokens are averaged over blocks of cells, and one
    linear map tells each cell of a block from the block's token, so what reads V stays as it is.

    Args:
        whole: its sizes. side: of the grid of tokens, a divisor of the cells.

    Raises:
        ValueError: not a divisor.
    """

    def __init__(self, whole: SAPerceiver, side: int) -> None:
        super().__init__()
        cells, width = whole.config.cells, whole.config.width
        if cells % side:
            raise ValueError(f"A grid of {cells} cells has no blocks for {side} tokens a side; choose a divisor.")
        self.config, self.block = whole.config, cells // side
        self.perceiver = SAPerceiver(**{**whole.config, "cells": side})
        self.cells = nn.Linear(width, self.block**2 * width)

    def forward(self, v_lo: Tensor, v_hi: Tensor, centres: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `SAPerceiver.forward`, V for all cells; the weights are those of the l tokens."""
        grid = v_lo.movedim(1, -1).unflatten(-1, (self.config.cells, self.config.cells))
        lo = F.avg_pool2d(grid, self.block).flatten(2).movedim(-1, 1)
        v, p, weights = self.perceiver(lo, v_hi, centres / self.block)
        side = self.config.cells // self.block
        told = self.cells(v).unflatten(-1, (self.block, self.block, -1)).unflatten(1, (side, side))
        return told.transpose(2, 3).flatten(3, 4).flatten(1, 3), p, weights


class RowStage(VlsaStage):
    """A row on features that stay; every picture is seen in the same frame.

    Args:
        side: of the grid of visual tokens where l is compared; None = as published. See `VlsaStage` for the others.
    """

    def __init__(
        self, shape: Shape, data: Pictures, test: Pictures, seen: Features | None, seen_test: Features | None,
        vlad: Path | None, checkpoints: Path | None, seed: int, side: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            2, shape, [data], None, test, vlad, checkpoints, None, seen_by=checkpoints if vlad else None, seed=seed
        )
        self.seen = {id(data): seen, id(test): seen_test} if seen is not None else {}
        self.count = len(seen) if seen is not None else len(data)
        self.side = side

    def modules(self) -> nn.Module:
        model: Any = super().modules()
        if self.side is not None:
            model.perceiver = Shorter(model.perceiver, self.side).to(self.device)
        return model

    def save(self, model: Any, folder: Path) -> None:
        """A row's weights; of a comparison of lengths the figures are all that is kept."""
        if self.side is None:
            super().save(model, folder)

    def look(self, data: Pictures, rows: np.ndarray, frame: tuple[int, int], scale: tuple[float, float]) -> Sight:
        s, known = sight(data, rows, FRAME, (1.0, 1.0)), self.seen.get(id(data))
        if known is None:
            return s
        lo, hi = (torch.from_numpy(np.stack([part[r] for r in rows])) for part in (known.lo, known.hi))
        return dataclasses.replace(s, seen_lo=lo, seen_hi=hi)

    def batch(self, step: int, size: int) -> tuple[Sight, Talk]:
        rng = np.random.default_rng((83, step, self.seed))
        rows = rng.choice(self.count, min(size, self.count), replace=False)
        return self.draw(self.train[0], rows, rng, FRAME, (1.0, 1.0))


def write_row(out: Path, metrics: dict[str, float]) -> None:
    """metrics.json as `evaluation.vlsa_ablation` reads it."""
    names = {
        "psnr": "psnr", "ssim": "ssim", "letter_accuracy": "letter_accuracy", "object_accuracy": "thing_accuracy",
        "number_accuracy": "copies_accuracy", "ground_accuracy": "ground_accuracy", "answer_nll": "nll",
        "code_top1": "code_top1", "pixel_mae": "pixel_mae",
    }  # fmt: skip
    run = json.loads((out / "run.json").read_text())
    found = {k: metrics[v] for k, v in names.items() if metrics[v] == metrics[v]}
    facts = {**found, "steps": run["steps"], "minutes": round(60 * run["hours"], 2)}
    (out / "metrics.json").write_text(json.dumps(facts, indent=1) + "\n")


def main() -> None:
    p = parser(__doc__ or "", Path("runs/variants"))
    p.set_defaults(data=None)
    p.add_argument("--row", type=int, choices=ROWS)
    p.add_argument("--prepare", action="store_true", help="compute what the encoder sees, for all rows")
    p.add_argument("--posters", type=Path, required=True)
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    p.add_argument("--checkpoints", type=Path, default=Path("checkpoints/vlsa-mini"))
    p.add_argument("--features", type=Path, default=Path(".cache/row-features"))
    p.add_argument("--side", type=int, help="visual tokens along one side, to compare lengths l of V")
    args = p.parse_args()
    data, test = load_pictures(args.posters), load_pictures(args.held_out)
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.prepare:
        Features.prepare(args.features, "posters", data, PICTURES, args.checkpoints)
        Features.prepare(args.features, "held-out", test, TESTED, args.checkpoints)
        return
    config, smoke = chosen(CONFIGS, args), args.config == "smoke"
    shape = dataclasses.replace(ROWS[args.row or 6], half=config.precision == "bf16")
    if smoke:
        stage = RowStage(
            dataclasses.replace(shape, sizes=SMOKE_SIZES, rank=2), data, test, None, None, None, None, 0, args.side
        )
    else:
        seen, seen_test = (Features(args.features, name) for name in ("posters", "held-out"))
        stage = RowStage(shape, data, test, seen, seen_test, args.weights, args.checkpoints, config.seed, args.side)
    write_row(args.out, fit(stage, config, args.out))


if __name__ == "__main__":
    main()
