"""The letter reader beside VLSA's vision tower: convolutions alone, on crops of posters and pages.

    python -m training.vlsa_letters --posters DIR ... --held-out TEST --out DIR

A head, thrown away afterwards, names the letter whose centre lies in each upright strip of each token. What the reader
sees of letters then reaches V through SA-Perceiver; a vision tower taught the same marks needs many times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.images import from_uint8
from pipelines.models.reader import LetterReader
from pipelines.models.vlm import EMPTY, chances, reading_order
from pipelines.vlsa.spelling import CLASSES, LETTERS
from pipelines.vlsa.types import CELLS, TILE
from training.loop import RunConfig, chosen, fit, parser
from training.vlsa import letter_loss
from training.vlsa_batches import COLUMNS, Pictures, letter_grid, load_pictures, resized, sight

CONFIGS = {
    "smoke": RunConfig(steps=2, batch=2, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(steps=2400, batch=64, lr=1.5e-3, warmup=100, ema=0.99, eval_every=200, save_every=200),
    "gpu": RunConfig(steps=20000, batch=512, lr=1.5e-3, minutes=9, eval_every=1000, save_every=5000),
}
WHOLE = 0.3  # share of crops that are tiles as they come
LARGER = 0.7, 1.6  # how much larger the others are shown
HELD_OUT = 128  # pictures that are measured


class Spelling(nn.Module):
    """The reader and the head that names its letters: (B, 3, S, S) -> (B, tokens, COLUMNS, CLASSES)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.letters = LetterReader(width)
        self.head = nn.Linear(4 * width, COLUMNS * CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.letters(x)).unflatten(-1, (COLUMNS, CLASSES))


class LettersStage:
    """Held out: letters named right, and posters of one line read right (case and gaps ignored), by tiles as they come.

    Args:
        width: of the reader.
    """

    name = "vlsa-letters"

    def __init__(self, train: Sequence[Pictures], test: Pictures, width: int = 64) -> None:
        self.train, self.test, self.width = train, test, width
        self.device = "cuda" if torch.cuda.is_available() else "cpu"

    def modules(self) -> nn.Module:
        model: Any = Spelling(self.width)
        return model.to(self.device, memory_format=torch.channels_last)

    def batch(self, step: int, size: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((85, step))
        data = self.train[step % len(self.train)]
        found = [crop(data, int(r), rng) for r in rng.integers(0, len(data), size)]
        return torch.cat([x for x, _ in found]), torch.cat([t for _, t in found])

    def loss(self, model: Any, batch: tuple[Tensor, Tensor], generator: torch.Generator):
        x, target = (t.to(self.device) for t in batch)
        loss = letter_loss(model(x), target, EMPTY)
        return loss, {"letters": float(loss.detach())}

    def evaluate(self, model: Any) -> dict[str, float]:
        right, exact = [], []
        for i in range(0, min(HELD_OUT, len(self.test)), 16):
            rows = np.arange(i, min(i + 16, len(self.test), HELD_OUT))
            s = sight(self.test, rows, (2, 2), (1.0, 1.0)).to(self.device)
            with torch.autocast(self.device, torch.bfloat16):
                logits = model(s.tiles.flatten(0, 1)).float()
            said = logits.argmax(-1).view_as(s.places)
            right.append((said == s.places)[s.places > 0].float())
            share = chances(logits).view(len(rows), 2, 2, CELLS, CELLS, COLUMNS, CLASSES)
            share = share.transpose(2, 3).reshape(len(rows), 2 * CELLS, 2 * CELLS * COLUMNS, CLASSES)
            for p, r in zip(share.cpu().numpy(), rows, strict=True):
                letters = self.test.letters[int(r)] if self.test.letters else np.zeros((0, 3), np.float32)
                if one_line(letters):
                    exact.append(read(p) == folded(letters[:, 0]))
        accuracy = torch.cat(right).mean() if right else torch.tensor(float("nan"))
        return {"letter_accuracy": float(accuracy), "lines_exact": float(np.mean(exact)) if exact else float("nan")}

    def save(self, model: Any, folder: Path) -> None:
        torch.save({"letters": model.letters.state_dict(), "head": model.head.state_dict()}, folder / "all.pt")


def crop(data: Pictures, row: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A square part of a picture as a tile (1, 3, 128, 128) and its letters (1, 64, COLUMNS)."""
    side = TILE if rng.random() < WHOLE else min(256, int(TILE / rng.uniform(*LARGER)))
    y, x = rng.integers(0, 256 - side + 1, 2)
    part = np.ascontiguousarray(data.images[row][y : y + side, x : x + side])
    letters = data.letters[row] if data.letters else np.zeros((0, 3), np.float32)
    moved = letters.copy()
    moved[:, 1:] = (256 * letters[:, 1:] - (y, x)) / side
    inside = moved[((moved[:, 1:] >= 0) & (moved[:, 1:] < 1)).all(1)]
    return resized(from_uint8(part[None]), TILE, TILE), letter_grid([inside], (1, 1), (1.0, 1.0)).flatten(1, 2)


def one_line(letters: np.ndarray) -> bool:
    """Whether letters (L, 3) of class, y, x are one line."""
    return len(letters) > 0 and len(np.unique(letters[:, 1])) == 1


def read(share: np.ndarray) -> str:
    """The text of (rows, columns, CLASSES) probabilities of letters, in small letters and without gaps."""
    flat = share.reshape(-1, CLASSES)
    return folded(np.array([flat[places, 1:].sum(0).argmax() + 1 for places in reading_order(1 - share[..., 0])]))


def folded(classes: np.ndarray) -> str:
    """Classes of letters as small letters; "another one" is a question mark."""
    return "".join(LETTERS[int(k) - 1].lower() if k < CLASSES - 1 else "?" for k in classes)


def main() -> None:
    p = parser(__doc__ or "")
    p.add_argument("--posters", type=Path, nargs="+", required=True, help="data sets, drawn from in turn")
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    args = p.parse_args()
    width = 16 if args.config == "smoke" else 64
    stage = LettersStage([load_pictures(d) for d in args.posters], load_pictures(args.held_out), width)
    fit(stage, chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
