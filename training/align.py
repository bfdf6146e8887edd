"""Stage 3: LoRA, CCM, the vision tower and the layout generator together, L = L_align + lambda L_diff (eq. (8)).

`python -m training.align --data DIR --out DIR`. The diffusion loss here is the layout stage's (eq. (6)); the image
stage's follows in `training.vfe` with this encoder frozen.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.config import MINILM
from pipelines.images import from_uint8
from pipelines.models.encoder import CCM, VisionEncoder, alignment_loss, objective
from pipelines.models.tlg import TextLayoutGenerator, layout_loss, sample_layout
from pipelines.registry import load_tokenizer
from pipelines.types import KINDS
from pipelines.vlad.loaders import adapter_weights, load_encoder
from pipelines.vlad.slots import BOX, HINTS, SLOT, SLOT_WEIGHT
from pipelines.vlad.text import embed_phrases, tokens_of
from training.checkpoints import save_part, save_tensors
from training.loop import RunConfig, best_device, chosen, fit, parser
from training.posters import Posters, draw_known, draw_places, load_posters, training_fonts

LAMBDA = 1.0  # lambda of eq. (8)
ALONE = 0.1  # share of samples seen without CCM's local level, for the ablation
CONFIGS = {
    "smoke": RunConfig(steps=2, batch=4, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(steps=360, batch=96, lr=6e-4, warmup=50, ema=0.99, eval_every=100, save_every=100),
    "gpu": RunConfig(steps=8000, batch=512, lr=6e-4, minutes=8, eval_every=500, save_every=2000),
}


class Aligned(nn.Module):
    """What this stage trains; the temperature of eq. (3) is learned as its logarithm."""

    def __init__(self, sizes: dict[str, dict[str, int]]) -> None:
        super().__init__()
        self.encoder = load_encoder(None)
        for name, p in self.encoder.named_parameters():
            p.requires_grad_("lora_" in name)
        self.ccm = CCM(**sizes.get("ccm", {}))
        context = self.ccm.config.width
        self.vision = VisionEncoder(out=context, **sizes.get("vision", {}))
        self.tlg = TextLayoutGenerator(slot=SLOT, hints=HINTS, context=context, **sizes.get("tlg", {}))
        self.log_temperature = nn.Parameter(torch.tensor(math.log(0.1)))


class AlignStage:
    """Pairs of prompt and picture with their elements. Held out: the test split."""

    name = "align"

    def __init__(self, train: Posters, test: Posters, sizes: dict[str, dict[str, int]] | None = None) -> None:
        self.train, self.test, self.sizes = train, test, sizes or {}
        self.device = best_device()
        self.tokenizer = load_tokenizer(MINILM)
        encoder = load_encoder(None).to(self.device)
        self.embedded = {id(p): embed_phrases(encoder, self.tokenizer, p.phrases).cpu() for p in (train, test)}
        self.weight = torch.from_numpy(SLOT_WEIGHT)

    def modules(self) -> nn.Module:
        return Aligned(self.sizes).to(self.device)

    def pick(self, p: Posters, rows: np.ndarray, captions: np.ndarray, generator: torch.Generator) -> dict[str, Tensor]:
        """A batch of posters as tensors on the device."""
        i = torch.from_numpy(rows)
        texts = [p.captions[r] if c else p.prompts[r] for r, c in zip(rows, captions, strict=True)]
        ids, mask = tokens_of(self.tokenizer, texts)
        kinds, slots = p.kinds[i], p.slots[i]
        batch = {
            "ids": ids,
            "tokens_mask": mask,
            "t_i": self.embedded[id(p)][p.phrase[i]],
            "kinds": kinds,
            "mask": p.mask[i],
            "slots": slots,
            "fixed": draw_known(kinds, generator),
            "hints": draw_places(slots[..., BOX], kinds, p.hints[i], generator),
            "images": torch.from_numpy(np.stack([p.images[r] for r in np.sort(rows)])[np.argsort(np.argsort(rows))]),
        }
        there = {k: v.to(self.device) for k, v in batch.items()}
        return {**there, "images": from_uint8(there["images"])}  # a quarter of the bytes to move

    def batch(self, step: int, size: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((33, step))
        rows = rng.choice(len(self.train), min(size, len(self.train)), replace=False)
        return self.pick(self.train, rows, rng.random(len(rows)) < 0.25, torch.Generator().manual_seed(step))

    def compose(self, model: Any, b: dict[str, Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        t_g = model.encoder.prompts(b["ids"], b["tokens_mask"])
        return model.ccm(t_g, b["t_i"], b["kinds"], mask)

    def loss(self, model: Any, batch: dict[str, Tensor], generator: torch.Generator):
        b, n = batch, len(batch["kinds"])
        alone = (torch.rand(n, 1, generator=generator) < ALONE).to(b["mask"].device)
        tokens, t = self.compose(model, b, b["mask"] & ~alone)
        l_align = alignment_loss(t, model.vision(b["images"]), model.log_temperature.exp().clamp(0.01, 1))
        sigma = torch.rand(n, generator=generator).to(t.device)
        noise = torch.randn(b["slots"].shape, generator=generator).to(t.device)
        z = (1 - sigma[:, None, None]) * b["slots"] + sigma[:, None, None] * noise
        fixed = torch.where(alone[..., None], 0.0, b["fixed"])
        hints = torch.where(alone[..., None], without_local(b["hints"]), b["hints"])
        z = torch.where(fixed > 0.5, b["slots"], z)
        clean = model.tlg(z, sigma, b["slots"], fixed, hints, tokens, b["mask"])
        free = (1 - fixed) * b["mask"][..., None]
        l_diff = layout_loss(b["slots"], clean, self.weight.to(t.device), free)
        return objective(l_align, l_diff, LAMBDA), {"align": float(l_align.detach()), "layout": float(l_diff.detach())}

    def evaluate(self, model: Any) -> dict[str, float]:
        count = min(256, len(self.test))
        b = self.pick(self.test, np.arange(count), np.zeros(count), torch.Generator().manual_seed(0))
        tokens, t = self.compose(model, b, b["mask"])
        v = nn.functional.normalize(model.vision(b["images"]).float(), dim=-1)
        cosine = nn.functional.normalize(t.float(), dim=-1) @ v.T
        hit = (cosine.argmax(1) == torch.arange(count, device=cosine.device)).float().mean()
        fixed = background_only(b["kinds"]).to(self.device)
        z = sample_layout(
            model.tlg, b["slots"], fixed, b["hints"], tokens, b["mask"],
            steps=8, variety=0.5, generator=torch.Generator().manual_seed(1),
        )  # fmt: skip
        drawn = b["mask"] & (b["kinds"] > 0)
        iou = box_iou(z[drawn][:, BOX], b["slots"][drawn][:, BOX])
        return {"held_out_retrieval_at_1": float(hit), "chance": 1 / count, "held_out_box_iou": float(iou.mean())}

    def save(self, model: Any, folder: Path) -> None:
        save_tensors(adapter_weights(model.encoder), folder / "lora", torch.float32)
        for part in ("ccm", "vision", "tlg"):
            save_part(getattr(model, part), folder / part)


def without_local(hints: Tensor) -> Tensor:
    """Hints of the ablation without CCM: the kind alone."""
    kept = torch.zeros_like(hints)
    kept[..., : len(KINDS)] = hints[..., : len(KINDS)]
    return kept


def background_only(kinds: Tensor) -> Tensor:
    """(B, M, SLOT): only the background's box is known."""
    fixed = torch.zeros(*kinds.shape, SLOT)
    fixed[..., BOX] = (kinds == KINDS.index("background")).float()[..., None].cpu()
    return fixed


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of boxes given as (cx, cy, w, h) in slot numbers: (N, 4), (N, 4) -> (N,)."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = ((x.float() + 1).div(2).unbind(-1) for x in (a, b))
    w = (torch.minimum(ax + aw / 2, bx + bw / 2) - torch.maximum(ax - aw / 2, bx - bw / 2)).clamp_min(0)
    h = (torch.minimum(ay + ah / 2, by + bh / 2) - torch.maximum(ay - ah / 2, by - bh / 2)).clamp_min(0)
    return w * h / (aw * ah + bw * bh - w * h).clamp_min(1e-6)


SMOKE_SIZES = {
    "ccm": {"width": 32, "layers": 1, "heads": 2},
    "vision": {"image_size": 32, "patch": 16, "width": 32, "layers": 1, "heads": 2},
    "tlg": {"width": 32, "layers": 1, "heads": 2},
}


def main() -> None:
    p = parser(__doc__ or "")
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    p.add_argument("--assets", type=Path)
    args = p.parse_args()
    fonts = training_fonts(args.assets)
    train, test = load_posters(args.data, fonts), load_posters(args.held_out, fonts, 512)
    stage = AlignStage(train, test, SMOKE_SIZES if args.config == "smoke" else None)
    fit(stage, chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
