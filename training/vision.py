"""Stage 3b: the vision tower alone, tuned to the composed text embeddings as they are, L_align (eq. (3)).

`python -m training.vision --posters DIR ... --out DIR`. Stage 3 spends its time in the text encoder; with the text side
locked (LiT, arXiv 2111.07991) its embeddings are computed once, and the same minutes show the tower ten times the
pictures in batches three times as large. Nothing else reads the tower, so no other part has to be trained again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipelines.config import MINILM
from pipelines.images import from_uint8
from pipelines.models.encoder import VisionEncoder, alignment_loss
from pipelines.registry import load_tokenizer
from pipelines.vlad.loaders import load_encoder, load_part, part_config
from pipelines.vlad.text import embed_phrases, tokens_of
from training.checkpoints import save_part
from training.loop import RunConfig, chosen, fit, parser
from training.posters import Posters, load_posters, training_fonts

CAPTIONS = 0.25  # share of pictures that are told by their caption and not by their prompt
CHUNK = 256  # posters whose texts are embedded at once
CONFIGS = {
    "smoke": RunConfig(steps=2, batch=4, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(
        steps=560, batch=256, lr=6e-4, warmup=50, ema=0.99, eval_every=100, save_every=100, precision="no"
    ),  # float32 is a third faster than autocast here
    "gpu": RunConfig(steps=12000, batch=1024, lr=6e-4, minutes=8, eval_every=1000, save_every=4000),
}


class Tower(nn.Module):
    """What learns: the vision tower, and the logarithm of the temperature of eq. (3)."""

    def __init__(self, vision: VisionEncoder) -> None:
        super().__init__()
        self.vision = vision
        self.log_temperature = nn.Parameter(torch.tensor(math.log(0.05)))


class VisionStage:
    """Pictures, and t of their prompts and of their captions. Held out: the test split.

    Args:
        train: posters of any number of folders. test: held-out ones. weights: the text side, as trained before.
        start: folder of the tower to start from; without it, `sizes` of a fresh one. kept: file that keeps the
        embeddings of the training texts for a run that goes on; None for none.
    """

    name = "vision"

    def __init__(
        self,
        train: Sequence[Posters],
        test: Posters,
        weights: Path,
        start: Path | None,
        sizes: dict[str, int],
        kept: Path | None = None,
    ) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.start, self.sizes = start, sizes
        side = self.modules().vision.config.image_size
        texts = Texts(weights, self.device)
        self.images = np.concatenate([reduced(p.images, side) for p in train])
        if kept and kept.exists():
            told = load_file(kept)
        else:
            told = {
                "prompts": torch.cat([texts.of(p, p.prompts) for p in train]),
                "captions": torch.cat([texts.of(p, p.captions) for p in train]),
            }
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                save_file(told, kept)
        self.prompts, self.captions = told["prompts"], told["captions"]
        if len(self.prompts) != len(self.images):
            raise ValueError(f"{kept} is of other posters; delete it or choose another --out folder.")
        count = min(256, len(test))
        self.test = torch.from_numpy(reduced(test.images[:count], side)), texts.of(test, test.prompts)[:count]

    def modules(self) -> Tower:
        return Tower(started(self.start) if self.start else VisionEncoder(**self.sizes)).to(self.device)

    def batch(self, step: int, size: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((35, step))
        rows = rng.choice(len(self.images), min(size, len(self.images)), replace=False)
        captioned = torch.from_numpy(rng.random((len(rows), 1)) < CAPTIONS)
        t = torch.where(captioned, self.captions[rows], self.prompts[rows])
        return {"t": t.float().to(self.device), "images": from_uint8(self.images[rows]).to(self.device)}

    def loss(self, model: Any, batch: dict[str, Tensor], generator: torch.Generator):
        temperature = model.log_temperature.exp().clamp(0.01, 1)
        loss = alignment_loss(batch["t"], model.vision(batch["images"]), temperature)
        return loss, {"temperature": float(temperature.detach())}

    def evaluate(self, model: Any) -> dict[str, float]:
        images, t = self.test
        v = torch.cat([model.vision(from_uint8(part).to(self.device)).float().cpu() for part in images.split(64)])
        cosine = nn.functional.normalize(t.float(), dim=-1) @ nn.functional.normalize(v, dim=-1).T
        at = torch.arange(len(t))
        to_image, to_text = (float((cosine.argmax(axis) == at).float().mean()) for axis in (1, 0))
        return {
            "held_out_retrieval_at_1": to_image,
            "held_out_retrieval_of_prompts_at_1": to_text,
            "held_out_align": float(alignment_loss(t.float(), v, 0.05)),
            "chance": 1 / len(t),
        }

    def save(self, model: Any, folder: Path) -> None:
        save_part(model.vision, folder / "vision")


class Texts:
    """The locked text side: prompts, captions and elements to t of eq. (2)."""

    def __init__(self, weights: Path, device: str) -> None:
        self.device, self.tokenizer = device, load_tokenizer(MINILM)
        self.encoder = load_encoder(weights).to(device)
        self.ccm = load_part("ccm", weights).to(device)

    @torch.inference_mode()
    def of(self, posters: Posters, texts: Sequence[str]) -> Tensor:
        """t of each poster with these texts as its global level: (N, d) float16 on the CPU."""
        known = embed_phrases(self.encoder, self.tokenizer, posters.phrases)
        order = np.argsort([len(t) for t in texts], kind="stable")  # texts of about one length stand together
        out: Tensor | None = None
        for rows in np.array_split(order, max(1, math.ceil(len(order) / CHUNK))):
            ids, mask = tokens_of(self.tokenizer, [texts[r] for r in rows])
            i = torch.from_numpy(rows)
            kinds, keep = posters.kinds[i].to(self.device), posters.mask[i].to(self.device)
            t_g = self.encoder.prompts(ids.to(self.device), mask.to(self.device))
            t = self.ccm(t_g, known[posters.phrase[i].to(self.device)], kinds, keep)[1].half().cpu()
            out = torch.zeros(len(texts), t.shape[1], dtype=torch.half) if out is None else out
            out[i] = t
        return torch.zeros(0, 1) if out is None else out


def started(folder: Path) -> VisionEncoder:
    """A tower with the weights of a trained one, without the letter reader that VLSA's has beside it."""
    config = part_config(folder)
    kept = VisionEncoder(**{k: v for k, v in config.items() if k not in ("reader", "alphabet")})
    trained = load_part("vision", folder.parent).state_dict()
    kept.load_state_dict({n: w for n, w in trained.items() if not n.startswith("letters.")})
    return kept.train()


def reduced(images: np.ndarray, side: int) -> np.ndarray:
    """(N, S, S, 3) uint8 -> (N, side, side, 3) uint8 by area."""
    parts = []
    for i in range(0, len(images), 512):
        x = torch.from_numpy(np.array(images[i : i + 512])).movedim(-1, 1).float()
        parts.append(nn.functional.interpolate(x, (side, side), mode="area").round().byte().movedim(1, -1).numpy())
    return np.concatenate(parts) if parts else np.zeros((0, side, side, 3), np.uint8)


SMOKE_SIZES = {"image_size": 32, "patch": 16, "width": 32, "layers": 1, "heads": 2, "out": 32}


def main() -> None:
    p = parser(__doc__ or "")
    p.add_argument("--posters", type=Path, nargs="+", default=[Path(".cache/posters")], help="folders like --data")
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    p.add_argument("--assets", type=Path)
    p.add_argument("--start", type=Path, help="folder of a trained tower, for example checkpoints/vlsa-mini/vision")
    args = p.parse_args()
    fonts = training_fonts(args.assets)
    train, test = [load_posters(folder, fonts) for folder in args.posters], load_posters(args.held_out, fonts, 512)
    sizes = SMOKE_SIZES if args.config == "smoke" else {}
    stage = VisionStage(train, test, args.weights, args.start, sizes, args.out / "texts.safetensors")
    fit(stage, chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
