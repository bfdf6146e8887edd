"""Stage 1: the autoencoder, on random crops of posters. `python -m training.autoencoder --data DIR --out DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.images import from_uint8
from pipelines.models.autoencoder import Autoencoder
from training.checkpoints import save_part
from training.loop import RunConfig, best_device, chosen, fit, parser

CONFIGS = {
    "smoke": RunConfig(steps=2, batch=2, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(steps=5500, batch=16, lr=8e-4, eval_every=500, save_every=500),
    "gpu": RunConfig(steps=30000, batch=128, lr=8e-4, minutes=7, eval_every=2000, save_every=5000),
}


def gradient(x: Tensor) -> tuple[Tensor, Tensor]:
    """Horizontal and vertical differences of (B, 3, H, W)."""
    return x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]


def reconstruction_loss(y: Tensor, x: Tensor) -> Tensor:
    """L1 on pixels plus L1 on their differences, which keeps letters crisp. (B, 3, H, W) in [-1, 1] -> scalar."""
    l1 = (y - x).abs().mean()
    edges = sum((a - b).abs().mean() for a, b in zip(gradient(y), gradient(x), strict=True))
    return l1 + (y - x).square().mean() + edges


def psnr(y: Tensor, x: Tensor) -> float:
    """Mean over the batch of the peak signal-to-noise ratio in dB, for pictures in [-1, 1]."""
    mse = (y.clamp(-1, 1) - x).square().mean((1, 2, 3)).clamp_min(1e-8)
    return float((10 * torch.log10(4 / mse)).mean())


class AutoencoderStage:
    """Crops of `crop` pixels from `data/images.npy` (N, 256, 256, 3) uint8; held out: `data/../held-out`."""

    name = "autoencoder"

    def __init__(self, data: Path, crop: int = 128, held_out: int = 64, **sizes: object) -> None:
        self.images = np.load(data / "images.npy", mmap_mode="r")
        test = data.parent / "held-out" / "images.npy"
        source = np.load(test, mmap_mode="r") if test.exists() else self.images[-held_out:]
        self.test = pixels(source[:held_out])
        self.count = len(self.images) if test.exists() else len(self.images) - held_out
        self.crop, self.sizes = crop, sizes
        self.device = best_device()

    def modules(self) -> nn.Module:
        return Autoencoder(**self.sizes).to(self.device, memory_format=torch.channels_last)

    def batch(self, step: int, size: int) -> Tensor:
        rng = np.random.default_rng((11, step))
        c = self.crop
        cuts = []
        for i in rng.integers(0, self.count, size):
            y, x = rng.integers(0, 257 - c, 2)
            cut = self.images[i, y : y + c, x : x + c]
            cuts.append(cut[:, ::-1] if rng.random() < 0.5 else cut)
        return pixels(np.stack(cuts)).to(self.device)

    def loss(self, model: Any, batch: Tensor, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        z = model.encoder(batch)
        noise = torch.randn(z.shape, generator=generator).to(z)
        y = model.decoder(z + 0.03 * noise).float()
        return reconstruction_loss(y, batch) + 1e-4 * z.float().square().mean(), {}

    def evaluate(self, model: Any) -> dict[str, float]:
        x = self.test.to(self.device)
        model.fit_statistics(x)
        return {"held_out_psnr": psnr(model(x).float(), x)}

    def save(self, model: Any, folder: Path) -> None:
        save_part(model, folder / "autoencoder")


def pixels(images: np.ndarray) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32 in [-1, 1], channels last in memory."""
    return from_uint8(np.asarray(images)).contiguous(memory_format=torch.channels_last)


def main() -> None:
    args = parser(__doc__ or "").parse_args()
    sizes = {"fine": 16, "coarse": 16} if args.config == "smoke" else {}
    fit(AutoencoderStage(args.data, **sizes), chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
