"""Stage 4: the layout generator alone, continued from stage 3 on CCM tokens computed once (eqs. (6), (9)).

`python -m training.tlg --data DIR --weights DIR --out DIR`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.config import MINILM
from pipelines.models.tlg import TextLayoutGenerator, layout_loss, sample_layout
from pipelines.registry import load_tokenizer
from pipelines.vlad.loaders import load_encoder, load_part
from pipelines.vlad.slots import BOX, COLOUR, SLOT_WEIGHT
from pipelines.vlad.text import embed_phrases, tokens_of
from training.align import ALONE, background_only, box_iou, without_local
from training.checkpoints import save_part
from training.loop import RunConfig, best_device, chosen, fit, parser
from training.posters import Posters, draw_known, draw_places, load_posters, training_fonts

CONFIGS = {
    "smoke": RunConfig(steps=2, batch=4, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(steps=1600, batch=256, lr=6e-4, warmup=100, ema=0.998, eval_every=250, save_every=250),
    "gpu": RunConfig(steps=12000, batch=2048, lr=6e-4, minutes=4, eval_every=1000, save_every=4000),
}


@dataclass(frozen=True)
class Composed:
    """CCM's tokens (N, 1 + M, d) with and without its local level, beside the posters they belong to."""

    posters: Posters
    tokens: Tensor
    alone: Tensor


@torch.no_grad()
def compose(posters: Posters, weights: Path) -> Composed:
    """Run the frozen encoder and CCM over all prompts."""
    device = best_device()
    encoder, ccm, tokenizer = (
        load_encoder(weights).to(device),
        load_part("ccm", weights).to(device),
        load_tokenizer(MINILM),
    )
    t_i = embed_phrases(encoder, tokenizer, posters.phrases)
    rows: tuple[list[Tensor], list[Tensor]] = ([], [])
    for i in range(0, len(posters), 128):
        ids, tokens_mask = tokens_of(tokenizer, posters.prompts[i : i + 128])
        with torch.autocast(device, torch.bfloat16):
            t_g = encoder.prompts(ids.to(device), tokens_mask.to(device)).float()
        kinds, mask = posters.kinds[i : i + 128].to(device), posters.mask[i : i + 128].to(device)
        local = t_i[posters.phrase[i : i + 128].to(device)]
        for out, keep in zip(rows, (mask, torch.zeros_like(mask)), strict=True):
            out.append(ccm(t_g, local, kinds, keep)[0].half().cpu())
    return Composed(posters, torch.cat(rows[0]), torch.cat(rows[1]))


class LayoutStage:
    """Held out: the test split, with nothing known but kinds, texts and the background's box."""

    name = "tlg"

    def __init__(self, train: Composed, test: Composed, start: TextLayoutGenerator | None, **sizes: int) -> None:
        self.train, self.test, self.start, self.sizes = train, test, start, sizes
        self.device = best_device()
        self.weight = torch.from_numpy(SLOT_WEIGHT).to(self.device)

    def modules(self) -> nn.Module:
        p = self.train.posters
        widths = {"slot": p.slots.shape[-1], "hints": p.hints.shape[-1], "context": self.train.tokens.shape[-1]}
        model = self.start or TextLayoutGenerator(**widths, **self.sizes)
        return model.requires_grad_(True).train().to(self.device)

    def batch(self, step: int, size: int) -> Tensor:
        return torch.from_numpy(np.random.default_rng((44, step)).integers(0, len(self.train.posters), size))

    def loss(self, model: Any, batch: Tensor, generator: torch.Generator):
        p, n = self.train.posters, len(batch)
        slots, kinds, mask = p.slots[batch], p.kinds[batch], p.mask[batch]
        alone = torch.rand(n, 1, generator=generator) < ALONE
        fixed = draw_known(kinds, generator) * ~alone[..., None]
        hints = draw_places(slots[..., BOX], kinds, p.hints[batch], generator)
        hints = torch.where(alone[..., None], without_local(hints), hints)
        tokens = torch.where(alone[..., None], self.train.alone[batch], self.train.tokens[batch]).float()
        sigma = torch.rand(n, generator=generator)
        noise = torch.randn(slots.shape, generator=generator)
        z = (1 - sigma[:, None, None]) * slots + sigma[:, None, None] * noise
        z = torch.where(fixed > 0.5, slots, z)
        slots, free = slots.to(self.device), ((1 - fixed) * mask[..., None]).to(self.device)
        parts = (x.to(self.device) for x in (z, sigma, p.slots[batch], fixed, hints, tokens, mask))
        return layout_loss(slots, model(*parts), self.weight, free), {}

    def evaluate(self, model: Any) -> dict[str, float]:
        p, count = self.test.posters, min(256, len(self.test.posters))
        fixed = background_only(p.kinds[:count])
        tokens = self.test.tokens[:count].float()
        parts = (x.to(self.device) for x in (p.slots[:count], fixed, p.hints[:count], tokens, p.mask[:count]))
        z = sample_layout(model, *parts, steps=8, variety=0.5, generator=torch.Generator().manual_seed(1)).cpu()
        drawn = p.mask[:count] & (p.kinds[:count] > 0)
        a, b = z[drawn], p.slots[:count][drawn]
        return {
            "held_out_box_iou": float(box_iou(a[:, BOX], b[:, BOX]).mean()),
            "held_out_colour_error": float((a[:, COLOUR] - b[:, COLOUR]).abs().mean() * 127.5),
        }

    def save(self, model: Any, folder: Path) -> None:
        save_part(model, folder / "tlg")


def main() -> None:
    p = parser(__doc__ or "")
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    p.add_argument("--assets", type=Path)
    args = p.parse_args()
    fonts = training_fonts(args.assets)
    train = compose(load_posters(args.data, fonts), args.weights)
    test = compose(load_posters(args.held_out, fonts, 512), args.weights)
    smoke = args.config == "smoke"
    start = None if smoke else load_part("tlg", args.weights)
    small = {"width": 32, "layers": 1, "heads": 2} if smoke else {}
    fit(LayoutStage(train, test, start, **small), chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
