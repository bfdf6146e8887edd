"""The letter reader beside VLSA's vision tower: convolutions alone, on posters and pages and parts of them.

    python -m training.vlsa_letters --posters DIR ... --held-out TEST --out DIR [--earlier RUN]

It names the letter whose centre lies in each upright strip of each token. What it sees of letters then reaches V
through SA-Perceiver; a vision tower taught the same marks needs many times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.images import from_uint8
from pipelines.models.reader import CLASSES, EMPTY, LETTERS, LetterReader, chances
from pipelines.models.reading import reading_order
from pipelines.vlsa.types import TILE
from training.loop import RunConfig, best_device, chosen, fit, parser
from training.vlsa import letter_loss
from training.vlsa_batches import FRAMES, Pictures, letter_grid, load_pictures, resized

CONFIGS = {
    "smoke": RunConfig(steps=2, batch=2, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(steps=2400, batch=16, lr=1.5e-3, warmup=100, ema=0.99, eval_every=200, save_every=200),
    "gpu": RunConfig(steps=20000, batch=128, lr=1.5e-3, minutes=9, eval_every=1000, save_every=5000),
}
TILES = 4  # of a frame that counts as one picture of the batch
WHOLE = 0.5  # share of pictures that are shown as they are
LARGER = 1.0, 1.8  # how much larger parts of the others are shown
HELD_OUT = 128  # pictures that are measured


class LettersStage:
    """Held out: letters named right, and posters of one line read right (case and gaps ignored).

    Args:
        width: of the reader. earlier: a run whose weights are gone on with.
    """

    name = "vlsa-letters"

    def __init__(self, train: Sequence[Pictures], test: Pictures, width: int = 64, earlier: Path | None = None) -> None:
        self.train, self.test, self.width, self.earlier = train, test, width, earlier
        self.device = best_device()

    def modules(self) -> nn.Module:
        model: Any = LetterReader(self.width, CLASSES)
        if self.earlier is not None:
            model.load_state_dict(torch.load(self.earlier / "all.pt")["letters"])
        return model.to(self.device, memory_format=torch.channels_last)

    def batch(self, step: int, size: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((85, step))
        frame = FRAMES[int(rng.integers(len(FRAMES)))]
        data = self.train[step % len(self.train)]
        rows = rng.integers(0, len(data), max(1, size * TILES // (frame[0] * frame[1])))
        found = [part(data, int(r), rng) for r in rows]
        shown = [resized(from_uint8(x[None]), frame[0] * TILE, frame[1] * TILE) for x, _ in found]
        return torch.cat(shown), letter_grid([letters for _, letters in found], frame, (1.0, 1.0))

    def loss(self, model: Any, batch: tuple[Tensor, Tensor], generator: torch.Generator):
        x, target = (t.to(self.device) for t in batch)
        loss = letter_loss(model.named(model.features(x)), target, EMPTY)
        return loss, {"letters": float(loss.detach())}

    def evaluate(self, model: Any) -> dict[str, float]:
        right, exact = [], []
        for i in range(0, min(HELD_OUT, len(self.test)), 16):
            rows = range(i, min(i + 16, len(self.test), HELD_OUT))
            letters = [self.test.letters[r] if self.test.letters else np.zeros((0, 3), np.float32) for r in rows]
            x = from_uint8(np.stack([self.test.images[r] for r in rows])).to(self.device)
            with torch.autocast(self.device, torch.bfloat16):
                logits = model.named(model.features(x)).float().cpu()
            target = letter_grid(letters, (2, 2), (1.0, 1.0))
            right.append((logits.argmax(-1) == target)[target > 0].float())
            share = chances(logits).flatten(2, 3).numpy()
            exact += [read(p) == folded(told[:, 0]) for p, told in zip(share, letters, strict=True) if one_line(told)]
        accuracy = torch.cat(right).mean()  # NaN where there are no letters
        return {"letter_accuracy": float(accuracy), "lines_exact": float(np.mean(exact)) if exact else float("nan")}

    def save(self, model: Any, folder: Path) -> None:
        torch.save({"letters": model.state_dict()}, folder / "all.pt")


def part(data: Pictures, row: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A square part of a picture (side, side, 3) uint8 and its letters (L, 3), their y and x as shares of the side."""
    side = 256 if rng.random() < WHOLE else int(256 / rng.uniform(*LARGER))
    y, x = rng.integers(0, 256 - side + 1, 2)
    shown = np.ascontiguousarray(data.images[row][y : y + side, x : x + side])
    moved = (data.letters[row] if data.letters else np.zeros((0, 3), np.float32)).copy()
    moved[:, 1:] = (256 * moved[:, 1:] - (y, x)) / side
    return shown, moved[((moved[:, 1:] >= 0) & (moved[:, 1:] < 1)).all(1)]


def one_line(letters: np.ndarray) -> bool:
    """Whether letters (L, 3) of class, y, x are one line."""
    return len(letters) > 0 and len(np.unique(letters[:, 1])) == 1


def read(share: np.ndarray) -> str:
    """The text of (rows, columns, CLASSES) probabilities of letters, in small letters and without gaps."""
    flat = share.reshape(-1, CLASSES)
    letters = [places for line in reading_order(1 - share[..., 0]) for places in line]
    return folded(np.array([flat[places, 1:].sum(0).argmax() + 1 for places in letters]))


def folded(classes: np.ndarray) -> str:
    """Classes of letters as small letters; "another one" is a question mark."""
    return "".join(LETTERS[int(k) - 1].lower() if k < CLASSES - 1 else "?" for k in classes)


def main() -> None:
    p = parser(__doc__ or "")
    p.add_argument("--posters", type=Path, nargs="+", required=True, help="data sets, drawn from in turn")
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    p.add_argument("--earlier", type=Path, help="run of this stage whose weights are gone on with")
    args = p.parse_args()
    width = 16 if args.config == "smoke" else 64
    stage = LettersStage([load_pictures(d) for d in args.posters], load_pictures(args.held_out), width, args.earlier)
    fit(stage, chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
