"""Adapters of VLAD on Stable Diffusion 3: LoRA on its attention, and the input channels of canvas and elements.

    accelerate launch -m training.scale.vlad --data "shards/{000..099}.tar" --form mario --out runs/vlad-full

The objective is SD3's: the velocity of the rectified flow, at logit-normal noise levels that are shifted towards noise,
eq. (9) of VLAD in that parametrisation. Samples without a layout draw from their prompt alone, which also keeps the
ablation without hierarchical guidance and classifier-free guidance. What comes out is `checkpoints/vlad-full/vfe`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from PIL import Image, ImageOps
from safetensors.torch import save_file
from torch import Tensor, nn

from pipelines import load
from pipelines.images import to_batch
from pipelines.models.vfe import add_noise
from pipelines.runtime import make_generator
from pipelines.types import FULL, Box, Layout
from pipelines.vlad.pipeline import VladPipeline
from pipelines.vlad.slots import cover
from pipelines.vlad.stable import ADAPTER, adapted, load_grown, trained
from training.scale.engine import ScaleConfig, chosen, train
from training.scale.streams import FORMS, Sample, samples

SHIFT = 3.0  # of the noise levels, as sampling has it
NO_CANVAS, NO_PROMPT = 0.1, 0.1  # shares without z_t, and without a prompt
CONFIGS = {
    "smoke": ScaleConfig(steps=2, batch=4, lr=1e-4, warmup=1, save_every=2, precision="no"),
    "gpu": ScaleConfig(steps=2000, batch=16, lr=1e-4, warmup=100, save_every=500, accumulate=2),
    "cluster": ScaleConfig(steps=50000, batch=512, lr=1e-4, warmup=1000, save_every=1000),
}


@dataclass(frozen=True)
class Batch:
    """truth, canvas: (B, C, h, w). tokens: (B, T, context), t: (B, pooled). elements: (B, M, d), filled up with zeros.
    cover: (B, M, h, w).
    """

    truth: Tensor
    canvas: Tensor
    tokens: Tensor
    t: Tensor
    elements: Tensor
    cover: Tensor


class VladRecipe:
    """The denoiser of a preset, behind what the pipeline itself does with a prompt and a layout.

    Args:
        data, form: see `training.scale.streams`. size: side of the pictures in pixels. rank: of LoRA. seed: of the
        order of the samples. preset: whose parts are taken.
    """

    name = "vlad-full"
    blocks = ["JointTransformerBlock"]
    unused = False

    def __init__(self, data: str, form: str, size: int, rank: int = 16, seed: int = 0, preset: str = "full") -> None:
        self.data, self.form, self.size, self.rank, self.seed = data, form, size, rank, seed
        self.pipeline: VladPipeline = load(preset, "cuda" if torch.cuda.is_available() else "cpu")
        self._stream: Iterator[Sample] = iter(())

    def model(self, accelerator: Accelerator, checkpointing: bool) -> nn.Module:
        """The grown transformer with LoRA; its own weights are frozen."""
        placement = self.pipeline.cache.placement
        model: Any = adapted(load_grown(self.pipeline.preset, placement.dtype), self.rank)
        model.requires_grad_(False)
        for name, p in model.named_parameters():
            if trained(name):
                p.requires_grad_(True)
                p.data = p.data.float()  # half precision is too coarse for small steps
        if checkpointing:
            model.denoiser.enable_gradient_checkpointing()
        return model.train().to(accelerator.device)

    def start(self, skip: int, part: int, parts: int) -> None:
        self._stream = samples(self.data, self.form, self.seed, skip, part, parts, lambda s: bool(s.prompt))

    @torch.no_grad()
    def batch(self, size: int) -> Batch:
        taken = [next(self._stream) for _ in range(size)]
        pictures = [ImageOps.fit(s.image, (self.size, self.size), Image.Resampling.LANCZOS) for s in taken]
        layouts = [fitted(s.layout, s.image.size) if s.layout else None for s in taken]
        drafts = [self.pipeline.canvas(x, self.size) if x else None for x in layouts]
        with self.pipeline.cache.use("vlad.vae") as (vae,):
            device = next(vae.parameters()).device
            truth = vae.encode(to_batch(pictures).to(device))
            blank = torch.zeros_like(truth[:1])
            canvas = torch.cat([blank if d is None else vae.encode(to_batch([d]).to(device)) for d in drafts])
        with self.pipeline.cache.use("vlad.prompts") as (encoder,):
            tokens, t = encoder([s.prompt for s in taken])
        most = max(1, *(len(x.elements) if x else 0 for x in layouts))
        elements, area = self.elements(layouts, most, truth)
        return Batch(truth, canvas, tokens.float(), t.float(), elements, area)

    def elements(self, layouts: list[Layout | None], most: int, truth: Tensor) -> tuple[Tensor, Tensor]:
        """CCM's embeddings of the elements (B, most, d) and what their boxes cover (B, most, h, w)."""
        rows = truth.new_zeros(len(layouts), most, self.pipeline.width)
        area = truth.new_zeros(len(layouts), most, *truth.shape[2:])
        for i, layout in enumerate(layouts):
            if layout is not None:
                own = self.pipeline.local(layout)
                rows[i, : len(own)] = own.to(rows)
                area[i, : len(own)] = torch.from_numpy(cover(layout.elements, truth.shape[-1])).to(area)
        return rows, area

    def loss(self, model: Any, batch: Batch, seeds: list[int]) -> tuple[Tensor, dict[str, float]]:
        """Mean squared error of the velocity."""
        sigma, noise, bare, mute = drawn(seeds, tuple(batch.truth.shape[1:]), batch.truth.device)
        keep = (~bare)[:, None, None, None].to(batch.truth)
        said = (~mute)[:, None].to(batch.truth)
        x = add_noise(batch.truth, noise, sigma)
        clean = model(
            x, sigma, batch.canvas * keep, batch.tokens * said[..., None], batch.t * said, batch.cover * keep,
            batch.elements,
        )  # fmt: skip
        velocity = (x - clean) / sigma.view(-1, 1, 1, 1)
        loss = (velocity.float() - (noise - batch.truth)).square().mean()
        return loss, {"velocity": float(loss.detach())}

    def save(self, state: dict[str, Tensor], folder: Path) -> None:
        (folder / "vfe").mkdir(parents=True, exist_ok=True)
        save_file({n: t.half() for n, t in state.items()}, folder / "vfe" / ADAPTER)
        (folder / "vfe" / "config.json").write_text(json.dumps({"rank": self.rank}) + "\n")


def drawn(seeds: list[int], shape: tuple[int, ...], device: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """For each sample, by its own seed: sigma (B,), noise (B, *shape), whether canvas and prompt are left out (B,)."""
    level, noise, out = [], [], []
    for seed in seeds:
        g = make_generator(seed % 2**31)
        u = torch.sigmoid(torch.randn((), generator=g))
        level.append((SHIFT * u / (1 + (SHIFT - 1) * u)).clamp(1e-3, 1.0))
        noise.append(torch.randn(shape, generator=g))
        out.append(torch.rand(2, generator=g))
    gone = torch.stack(out).to(device)
    return torch.stack(level).to(device), torch.stack(noise).to(device), gone[:, 0] < NO_CANVAS, gone[:, 1] < NO_PROMPT


def fitted(layout: Layout, size: tuple[int, int]) -> Layout:
    """The layout of the square in the middle of an image of (width, height), as `ImageOps.fit` cuts it; elements that
    are cut through are left out.
    """
    width, height = size
    side = min(size)
    x0, y0 = (width - side) / 2 / width, (height - side) / 2 / height
    sx, sy = width / side, height / side
    if sx == sy == 1:
        return layout
    elements = []
    for e in layout.elements:
        if e.box == FULL:
            elements.append(e)
            continue
        b = ((e.box.x0 - x0) * sx, (e.box.y0 - y0) * sy, (e.box.x1 - x0) * sx, (e.box.y1 - y0) * sy)
        if min(b) >= -0.01 and max(b) <= 1.01:
            elements.append(dataclasses.replace(e, box=Box.clipped(*b)))
    return dataclasses.replace(layout, elements=tuple(elements))


def main() -> None:
    p = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    p.add_argument("--data", required=True, help="shards, a dataset or its folder; see training.scale.streams")
    p.add_argument("--form", choices=FORMS, required=True, help="what its fields are called")
    p.add_argument("--out", type=Path, required=True, help="folder for the adapter, state and log.csv")
    p.add_argument("--config", choices=CONFIGS, default="gpu")
    p.add_argument("--size", type=int, default=512, help="side of the pictures, pixels")
    p.add_argument("--rank", type=int, default=16, help="of LoRA")
    for name, kind in (("steps", int), ("batch", int), ("lr", float), ("accumulate", int), ("seed", int)):
        p.add_argument(f"--{name}", type=kind)
    p.add_argument("--precision", choices=["no", "bf16"])
    p.add_argument("--shard", action="store_true", help="FSDP on CPUs, to rehearse it")
    args = p.parse_args()
    config = chosen(CONFIGS[args.config], args)
    recipe = VladRecipe(args.data, args.form, args.size, args.rank, config.seed)
    train(recipe, config, args.out, args.shard)


if __name__ == "__main__":
    main()
