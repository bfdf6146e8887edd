"""The VQ-VAE whose indices are the targets of cognition alignment, VLSA eq. (5).

`python -m training.vq --data DIR [--photos DIR] --out DIR`. It starts from the trained autoencoder:
only the codebook is new, and both halves adapt to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.models.vq import VQVAE
from pipelines.vlad.loaders import load_part
from training.autoencoder import pixels, psnr, reconstruction_loss
from training.checkpoints import save_part
from training.loop import RunConfig, best_device, chosen, fit, parser

CONFIGS = {
    "smoke": RunConfig(steps=2, batch=4, lr=1e-4, warmup=1, eval_every=2, save_every=2, precision="no", ema=0),
    "cpu": RunConfig(steps=1200, batch=24, lr=4e-4, warmup=50, ema=0, eval_every=200, save_every=200),
    "gpu": RunConfig(steps=20000, batch=128, lr=4e-4, ema=0, minutes=6, eval_every=2000, save_every=5000),
}
PHOTOS = 0.3  # share of photographs in a batch


def images_of(folder: Path) -> np.ndarray:
    return np.load(folder / "images.npy", mmap_mode="r")


class VQStage:
    """Crops of posters and photographs. Held out: whole posters of the test split."""

    name = "vq"

    def __init__(
        self, posters: Path, held_out: Path, photos: Path | None, weights: Path | None, crop: int = 128, **sizes: Any
    ) -> None:
        self.posters = images_of(posters)
        self.photos = images_of(photos) if photos else None
        self.test = pixels(images_of(held_out)[:64])
        self.weights, self.crop, self.sizes = weights, crop, sizes
        self.device = best_device()

    def modules(self) -> nn.Module:
        model = VQVAE(**self.sizes)
        if self.weights:
            model.start_from(load_part("autoencoder", self.weights), self.batch(0, 64).cpu())  # type: ignore[arg-type]
        return model.to(self.device, memory_format=torch.channels_last)

    def batch(self, step: int, size: int) -> Tensor:
        rng = np.random.default_rng((66, step))
        c = self.crop
        cuts = []
        for _ in range(size):
            source = self.photos if self.photos is not None and rng.random() < PHOTOS else self.posters
            i, y, x = rng.integers(0, len(source)), *rng.integers(0, 257 - c, 2)
            cut = source[i, y : y + c, x : x + c]
            cuts.append(cut[:, ::-1] if rng.random() < 0.5 else cut)
        return pixels(np.stack(cuts)).to(self.device)

    def loss(self, model: Any, batch: Tensor, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        y, index, commitment = model(batch)
        used = len(index.unique()) / model.codebook.shape[0]
        return reconstruction_loss(y.float(), batch) + commitment, {"used": used}

    def evaluate(self, model: Any) -> dict[str, float]:
        y, index, _ = model(self.test.to(self.device))
        share = torch.bincount(index.flatten(), minlength=model.codebook.shape[0]).float() / index.numel()
        return {
            "held_out_psnr": psnr(y.float(), self.test.to(self.device)),
            "usage": float((share > 0).float().mean()),
            "perplexity": float(torch.exp(-(share * share.clamp_min(1e-9).log()).sum())),
            "most_frequent": float(share.max()),
        }

    def save(self, model: Any, folder: Path) -> None:
        save_part(model, folder / "vq")


def main() -> None:
    p = parser(__doc__ or "")
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    p.add_argument("--photos", type=Path, help="folder of training.data.photos")
    args = p.parse_args()
    smoke = args.config == "smoke"
    sizes: dict[str, Any] = {"fine": 16, "coarse": 16} if smoke else {}
    stage = VQStage(args.data, args.held_out, args.photos, None if smoke else args.weights, **sizes)
    fit(stage, chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
