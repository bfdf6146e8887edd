"""What spells V, trained alone on embeddings that stay: which letter stands in which box of a cell.

    python -m training.vlsa_embed --run RUN --data DIR ...
    python -m training.vlsa_spell --earlier RUN --posters DIR ... [--photos DIR] --held-out TEST --out DIR

Stage I teaches V to hold letters by a linear map; behind it, two layers read more of them, at hundreds of pictures a
second. OUT continues RUN.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.models.reader import EMPTY, chances
from pipelines.models.vlm import VisualWords, by_place
from pipelines.vlsa.loaders import SPELLING
from training.checkpoints import save_part
from training.loop import RunConfig, chosen, fit, parser
from training.vlsa import letter_loss, words_config
from training.vlsa_batches import drawn
from training.vlsa_data import Ragged, load_marks
from training.vlsa_embed import Embedded, load_embedded
from training.vlsa_letters import Reading

CONFIGS = {
    "smoke": RunConfig(steps=2, batch=2, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(steps=3000, batch=48, lr=1e-3, warmup=50, ema=0.99, eval_every=500, save_every=500),
    "gpu": RunConfig(steps=20000, batch=256, lr=1e-3, minutes=9, eval_every=1000, save_every=5000),
}


class SpellStage:
    """Held out: letters named right, and posters of one line read right (case and gaps ignored).

    Args:
        run: the earlier run. hidden: of the two layers. letters: of the pictures of `test`.
    """

    name = "vlsa-spell"

    def __init__(
        self, run: Path, posters: Sequence[Embedded], photos: Embedded | None, test: Embedded, letters: Ragged | None,
        hidden: int = SPELLING,
    ) -> None:  # fmt: skip
        self.run, self.posters, self.photos, self.test, self.letters = run, posters, photos, test, letters
        self.hidden = hidden
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.state = torch.load(run / "all.pt")

    def modules(self) -> nn.Module:
        words = VisualWords(**{**words_config(self.run), "spelling": self.hidden})
        own, known = words.state_dict(), self.state["words"]
        new = {n: t for n, t in own.items() if n not in known or known[n].shape != t.shape}  # of another depth or width
        words.load_state_dict({**{n: t for n, t in known.items() if n in own}, **new})
        words.requires_grad_(False)
        words.spell.requires_grad_(True)
        return words.to(self.device)

    def batch(self, step: int, size: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((87, step))
        data, rows = drawn(self.posters, self.photos, size, rng)
        return torch.from_numpy(data.v[rows]).float(), torch.from_numpy(data.letters[rows]).long()

    def loss(self, model: Any, batch: tuple[Tensor, Tensor], generator: torch.Generator):
        v, target = (t.to(self.device) for t in batch)
        loss = letter_loss(model.spelled(v), target, EMPTY)
        return loss, {"letters": float(loss.detach())}

    def evaluate(self, model: Any) -> dict[str, float]:
        reading = Reading()
        for i in range(0, len(self.test), 16):
            v = torch.from_numpy(self.test.v[i : i + 16].astype(np.float32)).to(self.device)
            logits = model.spelled(v).float().cpu()
            target = torch.from_numpy(self.test.letters[i : i + 16]).long()
            told = [self.letters[k] if self.letters else None for k in range(i, i + len(v))]
            reading.add(logits, target, by_place(chances(logits)), told)
        return reading.figures()

    def save(self, model: Any, folder: Path) -> None:
        """The run's state with the new words, and these as the loaders read them."""
        torch.save({**self.state, "words": model.state_dict()}, folder / "all.pt")
        save_part(model, folder / "words")
        shutil.copytree(self.run / "lora", folder / "lora", dirs_exist_ok=True)


def main() -> None:
    p = parser(__doc__ or "")
    p.add_argument("--earlier", type=Path, required=True, help="run that embedded the pictures and is gone on with")
    p.add_argument("--posters", type=Path, nargs="+", required=True)
    p.add_argument("--photos", type=Path, help="pictures without letters")
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    args = p.parse_args()
    stage = SpellStage(
        args.earlier, [load_embedded(args.earlier, d) for d in args.posters],
        load_embedded(args.earlier, args.photos) if args.photos else None, load_embedded(args.earlier, args.held_out),
        load_marks(args.held_out, "letters"), 8 if args.config == "smoke" else SPELLING,
    )  # fmt: skip
    fit(stage, chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
