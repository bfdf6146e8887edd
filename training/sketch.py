"""Stage 2: the sketch head, by regression on every drawing and background. `python -m training.sketch --out DIR`.

Targets are the autoencoder's latents of each drawing at 128 px and its opacity; inputs are the embeddings of every name
it has (name, aliases, with its colour in front, with an article), with a little noise, so paraphrases land nearby.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pipelines.config import MINILM
from pipelines.models.sketch import SKETCH_STYLES, SketchHead, sketch_loss
from pipelines.registry import load_tokenizer
from pipelines.vlad.loaders import load_encoder, load_part
from pipelines.vlad.text import embed_phrases
from training.autoencoder import pixels
from training.checkpoints import save_part
from training.data.assets import STYLES, Assets, ObjectInfo
from training.data.splits import in_split
from training.loop import RunConfig, best_device, chosen, fit, parser

SIDE = 128
CONFIGS = {
    "smoke": RunConfig(steps=2, batch=4, warmup=1, eval_every=2, save_every=2, precision="no", ema=0),
    "cpu": RunConfig(steps=3600, batch=192, lr=1e-3, eval_every=500, save_every=500, weight_decay=0.001),
    "gpu": RunConfig(
        steps=30000, batch=1024, lr=1e-3, minutes=5, eval_every=5000, save_every=10000, weight_decay=0.001
    ),
}


def spread_edges(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """A drawing on a square, its colours carried outwards so that the rim has no halo.

    Args:
        image: RGBA of any size.

    Returns:
        rgb (128, 128, 3) uint8 and opacity (128, 128) uint8.
    """
    k = SIDE / max(image.size)
    image = image.resize((max(1, round(image.width * k)), max(1, round(image.height * k))), Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    square.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    alpha = np.asarray(square.getchannel("A"), np.float32) / 255
    colour = np.asarray(square.convert("RGB"), np.float32)
    filled, weight = colour * alpha[..., None], alpha.copy()
    for radius in (2, 6, 16, 64):
        blur = [_blur(c, radius) for c in (*np.moveaxis(filled, -1, 0), weight)]
        share = blur[3][..., None]
        grown = np.stack(blur[:3], -1) / np.maximum(share, 1e-4)
        open_ = (weight < 0.98)[..., None] & (share > 0.02)
        filled = np.where(open_, grown * (1 - alpha[..., None]) + colour * alpha[..., None], filled)
        weight = np.where(open_[..., 0], 1.0, weight)
    return filled.clip(0, 255).astype(np.uint8), (alpha * 255).astype(np.uint8)


def _blur(channel: np.ndarray, radius: int) -> np.ndarray:
    return cv2.blur(channel.astype(np.float32), (2 * radius + 1, 2 * radius + 1))


def own_aliases(objects: Mapping[str, ObjectInfo]) -> dict[str, list[str]]:
    """Object -> the aliases that mean no other object: not another's name, and the first claim counts."""
    claimed = set(objects)
    own: dict[str, list[str]] = {}
    for info in objects.values():
        own[info.name] = [a for a in info.aliases if a not in claimed]
        claimed.update(own[info.name])
    return own


def names_of(info: ObjectInfo, aliases: list[str], style: str) -> list[str]:
    """What people may call a drawing: its name, aliases, and both with its main colour in front."""
    names = [info.name, *aliases]
    art = info.styles[style]
    if art.colour and art.share > 0.4 and art.colour not in info.name:
        names += [f"{art.colour} {n}" for n in names]
    return names


@dataclass(frozen=True)
class Targets:
    """Everything the head learns: latents (N, C, 16, 16), opacity (N, 1, 64, 64), style and variant (N,), names."""

    latent: Tensor
    opacity: Tensor
    style: Tensor
    variant: Tensor
    names: list[list[str]]


@torch.no_grad()
def collect(assets: Assets, autoencoder: Any, limit: int | None = None) -> Targets:
    """Encode every drawing of every style and every background view (those kept from training excluded)."""
    rgb, opacity, style, variant, names = [], [], [], [], []
    aliases = own_aliases(assets.objects)
    for info in list(assets.objects.values())[:limit]:
        if info.lettered:
            continue
        for s in STYLES:
            if s in info.styles:
                picture, alpha = spread_edges(assets.object_image(info.name, s))
                rgb.append(picture)
                opacity.append(alpha)
                style.append(SKETCH_STYLES.index(s))
                variant.append(0)
                names.append(names_of(info, aliases[info.name], s))
    for kind, views in list(assets.views.items())[:limit]:
        for i, view in enumerate(views):
            if not in_split("photo", view.source, "train"):
                continue
            rgb.append(np.asarray(assets.texture(kind, i).resize((SIDE, SIDE), Image.Resampling.LANCZOS)))
            opacity.append(np.full((SIDE, SIDE), 255, np.uint8))
            style.append(SKETCH_STYLES.index("photo" if view.photo else "texture"))
            variant.append(i)
            names.append([kind])
    latent = torch.cat([autoencoder.encode(pixels(np.stack(rgb[i : i + 32]))) for i in range(0, len(rgb), 32)])
    coverage = torch.from_numpy(np.stack(opacity))[:, None].float() / 255
    coverage = nn.functional.interpolate(coverage, (64, 64), mode="area")
    return Targets(latent, coverage, torch.tensor(style), torch.tensor(variant), names)


def learned_views(assets: Assets) -> dict[str, list[int]]:
    """Kind of background -> the variants that are not held out."""
    return {kind: list(assets.variants(kind, "train")) for kind in assets.views if assets.variants(kind, "train")}


class SketchStage:
    """Batches draw a target and one of its names. Held out: the last alias of every twentieth object with aliases."""

    name = "sketch"

    def __init__(self, assets: Assets, weights: Path, limit: int | None = None, **sizes: int) -> None:
        self.device = best_device()
        targets = collect(assets, load_part("autoencoder", weights), limit)
        spare = {i for i, n in enumerate(targets.names) if i % 20 == 0 and len(n) > 1}
        held = [(i, n[-1]) for i, n in enumerate(targets.names) if i in spare]
        train = [n[:-1] if i in spare else n for i, n in enumerate(targets.names)]
        words = sorted({w for n in targets.names for w in n})
        index = {w: i for i, w in enumerate(words)}
        self.embedding = embed_phrases(load_encoder(None), load_tokenizer(MINILM), words).to(self.device)
        self.held = held[:256] or [(0, targets.names[0][0])]
        self.held_names = torch.tensor([index[w] for _, w in self.held])
        self.own_names = torch.tensor([index[train[i][0]] for i, _ in self.held])
        self.choices = [np.array([index[w] for w in n]) for n in train]
        self.targets, self.sizes, self.views = targets, sizes, learned_views(assets)
        shares = np.array([1.5 if s in (0, 3, 4) else 1.0 if s == 1 else 0.5 for s in targets.style.tolist()])
        self.shares = shares / shares.sum()

    def modules(self) -> nn.Module:
        names = torch.unique(torch.tensor([i for choice in self.choices for i in choice.tolist()]))
        model = SketchHead(self.embedding.shape[1], views=self.views, anchors=len(names), **self.sizes)
        model.anchor.copy_(self.embedding[names.to(self.device)])
        return model.to(self.device, memory_format=torch.channels_last)

    def batch(self, step: int, size: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng((22, step))
        rows = rng.choice(len(self.choices), size, p=self.shares)
        first = rng.random(size) < 0.5
        names = [self.choices[r][0] if f else rng.choice(self.choices[r]) for r, f in zip(rows, first, strict=True)]
        t = self.targets
        pick = torch.from_numpy(rows)
        parts = (self.embedding[torch.tensor(names)], t.style[pick], t.variant[pick], t.latent[pick], t.opacity[pick])
        return tuple(p.to(self.device) for p in parts)

    def loss(self, model: Any, batch: tuple[Tensor, ...], generator: torch.Generator):
        t_i, style, variant, latent, opacity = batch
        noise = torch.randn(t_i.shape, generator=generator).to(t_i)
        level = 0.25 * torch.rand(len(t_i), 1, generator=generator).to(t_i)
        own_latent, own_opacity = model(t_i + level * noise, style, variant)
        return sketch_loss(own_latent, own_opacity, latent, opacity), {}

    def evaluate(self, model: Any) -> dict[str, float]:
        rows = torch.tensor([i for i, _ in self.held])
        t = self.targets
        out = {}
        for key, names in (("trained_name_mse", self.own_names), ("held_out_alias_mse", self.held_names)):
            latent, _ = model(self.embedding[names], t.style[rows].to(self.device), t.variant[rows].to(self.device))
            weight = nn.functional.avg_pool2d(t.opacity[rows], 4)
            error = (latent.float().cpu() - t.latent[rows]).square() * weight
            out[key] = float(error.mean() / weight.mean())
        return out

    def save(self, model: Any, folder: Path) -> None:
        save_part(model, folder / "sketch")


def main() -> None:
    p = parser(__doc__ or "")
    p.add_argument("--assets", type=Path)
    args = p.parse_args()
    small = {"width": 32, "blocks": 1, "channels": 8, "convolutions": 1} if args.config == "smoke" else {}
    stage = SketchStage(Assets(args.assets), args.weights, 4 if args.config == "smoke" else None, **small)
    fit(stage, chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
