"""Words of colours and of whole images behind V: what tells them is trained, on embeddings that stay.

    python -m training.vlsa_told --earlier RUN --pictures DIR ... --held-out TEST --out DIR

RUN has embedded the pictures (`training.vlsa_embed`) and names objects (`training.vlsa_chat --names`). What is told are
the colour of letters and of objects, and of a whole poster what it is, its style and its ground; places need no
training. Until `training.vlsa_chat` has gone on from OUT the language model does not know what these words are for.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.colours import COLOURS
from pipelines.config import get_preset
from pipelines.models.vlm import BOXES, PLACES, TELLING, VisualWords
from pipelines.registry import load_language_tokenizer
from pipelines.vlsa.spelling import Speller
from pipelines.vlsa.types import CELLS
from training.checkpoints import save_part
from training.data.question_facts import TOLD
from training.loop import RunConfig, best_device, chosen, fit, parser
from training.posters import PLACE_NAMES
from training.vlsa import state_of, words_config
from training.vlsa_data import Terms, load_terms
from training.vlsa_embed import Embedded, load_embedded

CONFIGS = {
    "smoke": RunConfig(steps=2, batch=2, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(steps=2000, batch=64, lr=3e-3, warmup=50, ema=0.99, eval_every=250, save_every=500),
    "gpu": RunConfig(steps=20000, batch=256, lr=3e-3, minutes=4, eval_every=1000, save_every=5000),
}
assert len(PLACE_NAMES) == PLACES
COLOURED = {"panel", "colour", "accent"}  # of TOLD: a colour each
UNKNOWN = -100
FURTHER = 10.0  # weight of middles' distance, shares of the image, beside the cross-entropies


@dataclass(frozen=True)
class Told:
    """Embedded pictures, and what is told of them."""

    embedded: Embedded
    terms: Terms

    def __len__(self) -> int:
        return len(self.embedded)


def load_told(run: Path, folder: Path) -> Told:
    """Raises:
    FileNotFoundError: it has not been embedded by this run. ValueError: nothing is told of the data set.
    """
    terms = load_terms(folder)
    if terms is None:
        raise ValueError(f"Nothing is told of {folder}; write told.npz with training.vlsa_data.")
    return Told(load_embedded(run, folder), terms)


def vocabulary_of(terms: Sequence[Terms]) -> list[list[str]]:
    """For each of TOLD what posters are told to be: all colours, or what occurs, sorted."""
    found = np.concatenate([t.wholes for t in terms])
    return [
        list(COLOURS) if sort in COLOURED else sorted(set(found[:, i].tolist()) - {""}) for i, sort in enumerate(TOLD)
    ]


def ink_grid(letters: Sequence[np.ndarray], inks: Sequence[np.ndarray], fills: np.ndarray) -> Tensor:
    """(B, 64, BOXES rows) long: index of the colour of a letter whose centre lies in that part of a cell, or UNKNOWN.

    Args:
        letters: (L, 3) of class, y, x. inks: (L,) from 1. fills: (B, 2) of the frame's height and width.
    """
    high = CELLS * BOXES[0]
    out = np.full((len(letters), high, CELLS), UNKNOWN)
    for grid, row, ink, (down, across) in zip(out, letters, inks, fills, strict=True):
        y = (np.clip(row[:, 1] * down, 0, 0.999) * high).astype(int)
        x = (np.clip(row[:, 2] * across, 0, 0.999) * CELLS).astype(int)
        grid[y, x] = ink.astype(int) - 1
    cells = out.reshape(len(letters), CELLS, BOXES[0], CELLS).swapaxes(2, 3)
    return torch.from_numpy(cells.reshape(len(letters), CELLS**2, BOXES[0]).copy())


def object_grids(
    objects: Sequence[np.ndarray], tints: Sequence[np.ndarray], fills: np.ndarray
) -> tuple[Tensor, Tensor]:
    """What is told of the object over each cell's centre, arguments as of `ink_grid`.

    Returns:
        (B, 64) long: 0 where it has several colours, 1 + index of its colour, UNKNOWN where there is none; (B, 64, 2)
        float32: where its middle lies, seen from the cell's, (y, x) in shares of the image.
    """
    centres = (np.arange(CELLS) + 0.5) / CELLS
    told = np.full((len(objects), CELLS, CELLS), UNKNOWN)
    middles = np.zeros((len(objects), CELLS, CELLS, 2), np.float32)
    for colour, middle, row, tint, fill in zip(told, middles, objects, tints, fills, strict=True):
        for (y0, x0, y1, x1), own in zip(row[:, 1:] * np.tile(fill, 2), tint, strict=True):
            over = np.ix_((centres >= y0) & (centres <= y1), (centres >= x0) & (centres <= x1))
            colour[over] = int(own)
            middle[over] = ((y0 + y1) / 2, (x0 + x1) / 2)
    grid = np.stack(np.meshgrid(centres, centres, indexing="ij"), -1)
    offsets = np.where((told != UNKNOWN)[..., None], middles - grid, 0).astype(np.float32)
    return torch.from_numpy(told).flatten(1), torch.from_numpy(offsets).flatten(1, 2)


Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]  # V, inks, tints, middles, wholes


class ToldStage:
    """Held out: shares of letters, of cells of objects and of whole posters of which the right thing is told, and how
    far off middles of objects are on the mean, in shares of the image.

    Args:
        run: the earlier run. sizes: hidden width of what tells.
    """

    name = "vlsa-told"

    def __init__(self, run: Path, train: Sequence[Told], test: Told, hidden: int = 512) -> None:
        self.run, self.train, self.test, self.hidden = run, train, test, hidden
        self.device = best_device()
        self.state = state_of(run)
        self.vocabulary = vocabulary_of([d.terms for d in train])
        source = get_preset("mini").language_model
        assert source is not None
        speller = Speller(load_language_tokenizer(source))
        phrases = [*COLOURS, *PLACE_NAMES, *(name for names in self.vocabulary for name in names)]
        self.tokens = [speller.encode(f" {phrase}") for phrase in phrases]

    def modules(self) -> nn.Module:
        config = words_config(self.run)
        longest = max(config.get("named", 0), *map(len, self.tokens))
        wholes = [len(names) for names in self.vocabulary]
        words = VisualWords(**{**config, "named": longest, "told": self.hidden, "wholes": wholes})
        kept = dict(self.state["words"])
        kept["calls"] = F.pad(kept["calls"], (0, longest - kept["calls"].shape[1]), value=-1)
        fresh = {n: t for n, t in words.state_dict().items() if n.startswith(TELLING)}
        terms = words.terms.clone()
        for row, ids in zip(terms, self.tokens, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        words.load_state_dict({**kept, **fresh, "terms": terms})
        for name, p in words.named_parameters():
            p.requires_grad_(name.startswith(TELLING))
        return words.to(self.device)

    def batch(self, step: int, size: int) -> Batch:
        rng = np.random.default_rng((87, step))
        shares = np.array([len(d) for d in self.train])
        data = self.train[int(rng.choice(len(shares), p=shares / shares.sum()))]
        return self.draw(data, rng.choice(len(data), min(size, len(data)), replace=False))

    def draw(self, data: Told, rows: np.ndarray) -> Batch:
        fills = data.embedded.fills[rows]
        v = torch.from_numpy(np.stack([data.embedded.v[r] for r in rows])).float()
        inks = ink_grid([data.terms.letters[r] for r in rows], [data.terms.inks[r] for r in rows], fills)
        objects = [data.terms.objects[r] for r in rows]
        tints, middles = object_grids(objects, [data.terms.tints[r] for r in rows], fills)
        places = [{"": 0} | {name: i + 1 for i, name in enumerate(names)} for names in self.vocabulary]
        wholes = [
            [p.get(name, UNKNOWN) for p, name in zip(places, data.terms.wholes[r].tolist(), strict=True)] for r in rows
        ]
        return v, inks, tints, middles, torch.tensor(wholes)

    def loss(self, model: Any, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        v, inks, tints, middles, wholes = (t.to(self.device) for t in batch)
        told, shown = model.told(v), tints != UNKNOWN
        parts = {"inks": known_loss(told.inks, inks), "tints": known_loss(told.tints, tints)}
        parts["middles"] = FURTHER * (told.middles - middles)[shown].abs().sum() / shown.sum().clamp_min(1)
        parts |= {
            sort: known_loss(logits, whole) for sort, logits, whole in zip(TOLD, told.wholes, wholes.T, strict=True)
        }
        return torch.stack(list(parts.values())).sum(), {k: float(x.detach()) for k, x in parts.items()}

    def evaluate(self, model: Any) -> dict[str, float]:
        right: dict[str, list[Tensor]] = {k: [] for k in ("inks", "tints", *TOLD)}
        off: list[Tensor] = []
        for i in range(0, len(self.test), 64):
            rows = np.arange(i, min(i + 64, len(self.test)))
            v, inks, tints, middles, wholes = (t.to(self.device) for t in self.draw(self.test, rows))
            told = model.told(v)
            off.append((told.middles - middles).abs().mean(-1)[tints != UNKNOWN])
            pairs = [(told.inks, inks), (told.tints, tints), *zip(told.wholes, wholes.T, strict=True)]
            for found, (logits, target) in zip(right.values(), pairs, strict=True):
                found.append((logits.argmax(-1) == target)[target != UNKNOWN])
        shares = {f"{k}_accuracy": float(torch.cat(found).float().mean()) for k, found in right.items()}
        return {**shares, "middles_off": float(torch.cat(off).mean())}

    def save(self, model: Any, folder: Path) -> None:
        """The run's state with the new words, and these and the LoRA as the loaders read them."""
        shutil.copytree(self.run / "lora", folder / "lora", dirs_exist_ok=True)
        torch.save({**self.state, "words": model.state_dict()}, folder / "all.pt")
        save_part(model, folder / "words")


def known_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy where the target (...) is known; logits (..., n). 0 where nothing is."""
    known = target != UNKNOWN
    return F.cross_entropy(logits[known].float(), target[known]) if known.any() else logits.sum() * 0


def main() -> None:
    p = parser(__doc__ or "")
    p.set_defaults(data=None)
    p.add_argument("--pictures", type=Path, nargs="+", required=True, help="posters and photographs")
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    p.add_argument("--earlier", type=Path, required=True, help="run that is gone on with")
    p.add_argument("--embedded", type=Path, help="run that embedded the pictures, if not that one")
    args = p.parse_args()
    by = args.embedded or args.earlier
    hidden = 16 if args.config == "smoke" else 512
    stage = ToldStage(args.earlier, [load_told(by, d) for d in args.pictures], load_told(by, args.held_out), hidden)
    fit(stage, chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
