"""Stage 5: the Visual Feature Enhancer, in latent space. `python -m training.vfe --data DIR --out DIR`.

The canvas of every poster (its own layout, objects from the sketch head) and its truth are encoded once; CCM's
tokens are computed once; then the denoiser learns truth from noised truth, canvas and tokens (eqs. (4), (7), (9)).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pipelines.config import MINILM
from pipelines.images import from_uint8, to_batch
from pipelines.models.vfe import VisualFeatureEnhancer, add_noise, diffusion_loss
from pipelines.registry import load_tokenizer
from pipelines.sampling import denoise, get_noise
from pipelines.vlad.canvas import draw_canvas
from pipelines.vlad.fonts import FontBook
from pipelines.vlad.loaders import load_encoder, load_part
from pipelines.vlad.sketches import Sketcher
from pipelines.vlad.slots import cover
from pipelines.vlad.text import embed_phrases, tokens_of
from training.autoencoder import psnr
from training.checkpoints import save_part
from training.loop import RunConfig, best_device, chosen, fit, parser
from training.posters import MAX_SLOTS, Posters, load_posters, training_fonts

NO_CANVAS, NO_TEXT, ALONE = 0.1, 0.1, 0.05  # shares without z_t, without t, without CCM's local level
CONFIGS = {
    "smoke": RunConfig(steps=2, batch=2, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(steps=2000, batch=24, lr=6e-4, warmup=100, ema=0.998, eval_every=250, save_every=250),
    "gpu": RunConfig(steps=20000, batch=256, lr=8e-4, minutes=9, eval_every=1000, save_every=4000),
}


@dataclass(frozen=True)
class Latents:
    """truth, canvas: (N, C, 32, 32) half. tokens: (N, 1 + M, d), t: (N, d), and both without CCM's locals; cover."""

    truth: Tensor
    canvas: Tensor
    tokens: Tensor
    t: Tensor
    alone_tokens: Tensor
    alone_t: Tensor
    cover: Tensor

    def __len__(self) -> int:
        return len(self.truth)


@torch.no_grad()
def encode_posters(posters: Posters, weights: Path, fonts: FontBook, workers: int = 1) -> Latents:
    """Run the frozen earlier stages over all posters, on the device that training uses; `workers` processes draw the
    canvases.
    """
    device = best_device()
    autoencoder = load_part("autoencoder", weights).to(device, memory_format=torch.channels_last)
    encoder, ccm = load_encoder(weights).to(device), load_part("ccm", weights).to(device)
    tokenizer = load_tokenizer(MINILM)
    t_i = embed_phrases(encoder, tokenizer, posters.phrases)
    sketcher = Sketcher(load_part("sketch", weights).to(device), autoencoder)
    names = sorted({phrase for phrase, _, _ in sketcher.missing(posters.layouts)})
    sketcher.prepare(posters.layouts, dict(zip(names, embed_phrases(encoder, tokenizer, names), strict=True)))
    rows: dict[str, list[Tensor]] = {k: [] for k in Latents.__dataclass_fields__}
    spans = [slice(i, min(i + 32, len(posters))) for i in range(0, len(posters), 32)]
    plans = ([(x, *sketcher.pictures(x)) for x in posters.layouts[span]] for span in spans)
    for span, canvases in zip(spans, drawn(plans, fonts, workers), strict=True):
        with torch.autocast(device, torch.bfloat16):
            rows["truth"].append(autoencoder.encode(from_uint8(posters.images[span]).to(device)).half().cpu())
            rows["canvas"].append(autoencoder.encode(to_batch(canvases).to(device)).half().cpu())
            ids, mask = tokens_of(tokenizer, posters.prompts[span])
            t_g = encoder.prompts(ids.to(device), mask.to(device))
        mask = posters.mask[span].to(device)
        for key, keep in (("", mask), ("alone_", torch.zeros_like(mask))):
            tokens, t = ccm(t_g, t_i[posters.phrase[span]], posters.kinds[span].to(device), keep)
            rows[f"{key}tokens"].append(tokens.half().cpu())
            rows[f"{key}t"].append(t.half().cpu())
        rows["cover"].append(torch.stack([padded_cover(x.elements) for x in posters.layouts[span]]))
    return Latents(**{k: torch.cat(v) for k, v in rows.items()})


def drawn(plans: Iterator[list[tuple[Any, ...]]], fonts: FontBook, workers: int) -> Iterator[list[Image.Image]]:
    """Canvases of lists of (layout, sketches, view), in their order; a few lists ahead where there are several
    processes.
    """
    draw = partial(_canvases, fonts=fonts)
    if workers < 2:
        yield from map(draw, plans)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        ahead: deque[Future[list[Image.Image]]] = deque()
        for plan in plans:
            ahead.append(pool.submit(draw, plan))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _canvases(plan: list[tuple[Any, ...]], fonts: FontBook) -> list[Image.Image]:
    return [draw_canvas(layout, objects, view, fonts=fonts) for layout, objects, view in plan]


def padded_cover(elements: tuple, size: int = 32) -> Tensor:
    """(MAX_SLOTS, size, size) half."""
    out = torch.zeros(MAX_SLOTS, size, size, dtype=torch.half)
    out[: len(elements)] = torch.from_numpy(cover(elements, size)).half()
    return out


def draw_sigma(n: int, generator: torch.Generator) -> Tensor:
    """Noise levels in (0.02, 1]: mostly those that sampling from a noised canvas meets, all of them sometimes."""
    low = 0.02 + 0.68 * torch.rand(n, generator=generator)
    high = 0.02 + 0.98 * torch.rand(n, generator=generator)
    return torch.where(torch.rand(n, generator=generator) < 0.6, low, high)


def deepened(trained: VisualFeatureEnhancer, layers: int) -> VisualFeatureEnhancer:
    """A trained denoiser with more layers, which changes nothing before they learn: the gates of those that are put in
    before its last one are zero.

    Raises:
        ValueError: fewer layers than it has.
    """
    had = trained.config.layers
    if layers < had:
        raise ValueError(f"The trained denoiser has {had} layers; ask for as many or more.")
    made = VisualFeatureEnhancer(**{**trained.config, "layers": layers})
    state = {}
    for name, value in trained.state_dict().items():
        last = f"transformer_blocks.{had - 1}."
        state[name.replace(last, f"transformer_blocks.{layers - 1}.")] = value
    made.load_state_dict(state, strict=False)
    for block in list(made.denoiser.transformer_blocks)[had - 1 : layers - 1]:
        for norm in (block.norm1, block.norm1_context):
            nn.init.zeros_(norm.linear.weight)
            nn.init.zeros_(norm.linear.bias)
    return made.train().requires_grad_(True)


class EnhancerStage:
    """Held out: the test split, sampled from the canvas noised to 0.5 in 4 steps.

    Args:
        start: a trained denoiser that is gone on with, with as many layers as `sizes` says; None = a fresh one.
    """

    name = "vfe"

    def __init__(
        self,
        train: Latents,
        test: Latents,
        test_images: np.ndarray,
        decoder: Any,
        start: VisualFeatureEnhancer | None = None,
        **sizes: int,
    ) -> None:
        self.start = start
        self.train, self.test, self.decoder, self.sizes = train, test, decoder, sizes
        self.device = best_device()
        self.images = from_uint8(test_images)
        self.decoder.to(self.device)

    def modules(self) -> nn.Module:
        if self.start is not None:
            return deepened(self.start, self.sizes.get("layers", self.start.config.layers)).to(self.device)
        context, channels = self.train.t.shape[1], self.train.truth.shape[1]
        return VisualFeatureEnhancer(latent=channels, context=context, **self.sizes).to(self.device)

    def batch(self, step: int, size: int) -> Tensor:
        return torch.from_numpy(np.random.default_rng((55, step)).integers(0, len(self.train), size))

    def loss(self, model: Any, batch: Tensor, generator: torch.Generator):
        d, n = self.train, len(batch)
        alone = torch.rand(n, generator=generator) < ALONE
        tokens = torch.where(alone[:, None, None], d.alone_tokens[batch], d.tokens[batch]).float()
        t = torch.where(alone[:, None], d.alone_t[batch], d.t[batch]).float()
        textless = torch.rand(n, generator=generator) < NO_TEXT
        tokens[textless], t[textless] = 0, 0
        guided = (torch.rand(n, generator=generator) >= NO_CANVAS).float().view(-1, 1, 1, 1)
        sigma = draw_sigma(n, generator)
        sigma = torch.where(guided.flatten() > 0, sigma, 0.1 + 0.9 * torch.rand(n, generator=generator))
        clean = d.truth[batch].float()
        noise = torch.randn(clean.shape, generator=generator)
        canvas, area = d.canvas[batch].float() * guided, d.cover[batch].float() * guided
        parts = (add_noise(clean, noise, sigma), sigma, canvas, tokens, t, area)
        out = model(*(p.to(self.device) for p in parts))
        loss = diffusion_loss(clean.to(self.device), out, sigma.to(self.device))
        return loss, {}

    def evaluate(self, model: Any) -> dict[str, float]:
        d, n = self.test, min(32, len(self.test))
        truth, canvas = d.truth[:n].float().to(self.device), d.canvas[:n].float().to(self.device)
        noise = get_noise(list(range(n)), tuple(truth.shape[1:])).to(self.device)
        tokens, t, area = (x[:n].float().to(self.device) for x in (d.tokens, d.t, d.cover))
        for _, clean, _ in denoise(lambda x, s: model(x, s, canvas, tokens, t, area), canvas, noise, 4, 0.5):
            out = clean
        images = self.images[:n].to(self.device)
        return {
            "held_out_latent_mse": float((out - truth).square().mean()),
            "canvas_latent_mse": float((canvas - truth).square().mean()),
            "held_out_psnr": psnr(self.decoder.decode(out).float(), images),
            "canvas_psnr": psnr(self.decoder.decode(canvas).float(), images),
        }

    def save(self, model: Any, folder: Path) -> None:
        save_part(model, folder / "vfe")


def main() -> None:
    p = parser(__doc__ or "")
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    p.add_argument("--assets", type=Path)
    p.add_argument("--limit", type=int, help="use only so many posters")
    p.add_argument("--workers", type=int, default=1, help="processes that draw canvases")
    p.add_argument("--start", type=Path, help="folder of a trained denoiser that is gone on with")
    p.add_argument("--layers", type=int, help="of the denoiser; with --start, at least as many as it has")
    args = p.parse_args()
    fonts = training_fonts(args.assets)
    test = load_posters(args.held_out, fonts, 32)
    latents = []
    for name, posters in (("train", load_posters(args.data, fonts, args.limit)), ("test", test)):
        cached = args.out / f"latents-{name}.pt"
        if not cached.exists():
            args.out.mkdir(parents=True, exist_ok=True)
            torch.save(encode_posters(posters, args.weights, fonts, args.workers).__dict__, cached)
        latents.append(Latents(**torch.load(cached, mmap=True)))
    small = {"layers": 1, "heads": 2, "head_dim": 16} if args.config == "smoke" else {}
    decoder = load_part("autoencoder", args.weights)
    start = load_part("vfe", args.start.parent) if args.start else None
    sizes = small | ({"layers": args.layers} if args.layers else {})
    stage = EnhancerStage(latents[0], latents[1], test.images[:32], decoder, start, **sizes)
    fit(stage, chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
