"""The preset `full` at its real size with random weights: our pipelines beside diffusers' and transformers' own.

    python -m evaluation.full_bench --out runs/full-bench.json     on a GPU with 24 GB or more
    python -m evaluation.full_bench --tiny --out FILE              the same on a CPU with tiny models, to rehearse it

Pictures: `VladPipeline.generate` beside `StableDiffusion3Pipeline`, same steps, size, guidance and prompt embeddings.
Answers: `PlainVlsaPipeline.chat` beside `generate` of LLaVA-NeXT, same image and number of tokens. Training: a step of
LoRA on the grown transformer. Text encoders are left out of both sides: their tokenizers are files, and files there are
none. Speed and memory do not depend on what the weights are.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    PreTrainedTokenizerFast,
)
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

from evaluation.environment import machine
from pipelines.cache import ModelCache, Placement
from pipelines.config import get_preset
from pipelines.models.llava import PlainLlava
from pipelines.models.stable import StableAutoencoder
from pipelines.models.vfe import VisualFeatureEnhancer, add_noise
from pipelines.registry import Registry, ready
from pipelines.runtime import detect
from pipelines.vlad.loaders import register
from pipelines.vlad.pipeline import VladPipeline
from pipelines.vlad.stable import adapted, trained
from pipelines.vlsa.plain import PlainVlsaPipeline
from pipelines.vlsa.types import Message

PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L4": 121e12, "4090": 165e12}  # bfloat16, dense, FLOP/s
MARKS = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<image>")


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Arguments of the classes, and how much of each is measured."""

    transformer: dict[str, Any]
    vae: tuple[int, ...]
    vision: dict[str, Any]
    text: dict[str, Any]
    grid: Sequence[tuple[int, int]]
    size: int
    steps: int
    tokens: int
    train_size: int
    train_batch: int


FULL = Sizes(
    transformer={
        "sample_size": 128, "num_layers": 24, "attention_head_dim": 64, "num_attention_heads": 24,
        "joint_attention_dim": 4096, "caption_projection_dim": 1536, "pooled_projection_dim": 2048,
        "pos_embed_max_size": 192,
    },
    vae=(128, 256, 512, 512),
    vision={
        "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
        "image_size": 336, "patch_size": 14,
    },
    text={
        "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 128320,
    },
    grid=((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)),
    size=1024, steps=28, tokens=128, train_size=1024, train_batch=8,
)  # fmt: skip
TINY = Sizes(
    transformer={
        "sample_size": 64, "num_layers": 2, "attention_head_dim": 8, "num_attention_heads": 2,
        "joint_attention_dim": 48, "caption_projection_dim": 16, "pooled_projection_dim": 40, "pos_embed_max_size": 96,
    },
    vae=(8, 8, 8, 8),
    vision={
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 28,
        "patch_size": 14,
    },
    text={
        "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 300,
    },
    grid=((28, 56), (56, 28), (56, 56)),
    size=512, steps=3, tokens=8, train_size=64, train_batch=2,
)  # fmt: skip


# -- models with random weights ---------------------------------------------------------------------------------------


def filled(make: Callable[[], Any], device: str, dtype: torch.dtype) -> Any:
    """A module of small random weights, made where it is to compute: no copy of it is ever elsewhere."""
    with torch.device("meta"):
        model = make()
    kept = {n: b.shape for n, b in model.named_buffers()}
    model = model.to_empty(device=device)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=0.02)
        for name, b in model.named_buffers():
            if name in kept and b.is_floating_point():
                b.normal_(std=0.02)
    for module in model.modules():  # what is worked out and not learned
        if hasattr(module, "inv_freq") and hasattr(module, "rope_init_fn"):
            module.inv_freq.copy_(module.rope_init_fn(module.config, device)[0])
        if hasattr(module, "position_ids"):
            module.position_ids.copy_(torch.arange(module.position_ids.shape[-1])[None])
    return ready(model.to(dtype))


def transformer(s: Sizes, device: str, dtype: torch.dtype) -> Any:
    return filled(lambda: SD3Transformer2DModel(patch_size=2, in_channels=16, **s.transformer), device, dtype)


def autoencoder(s: Sizes, device: str, dtype: torch.dtype) -> Any:
    n = len(s.vae)
    return filled(
        lambda: AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * n, up_block_types=("UpDecoderBlock2D",) * n,
            block_out_channels=s.vae, layers_per_block=2, latent_channels=16, norm_num_groups=min(32, s.vae[0]),
            use_quant_conv=False, use_post_quant_conv=False, scaling_factor=1.5305, shift_factor=0.0609,
            sample_size=1024,
        ),
        device, dtype,
    )  # fmt: skip


def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes as tokens, and the marks of the chat format."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(["<pad>", *MARKS, *alphabet])}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="<|eot_id|>", additional_special_tokens=list(MARKS)
    )


def llava(s: Sizes, device: str, dtype: torch.dtype, image: int) -> Any:
    config = LlavaNextConfig(
        vision_config=CLIPVisionConfig(**s.vision), text_config=LlamaConfig(**s.text), image_token_index=image,
        image_grid_pinpoints=[list(g) for g in s.grid], vision_feature_layer=-2,
    )  # fmt: skip
    return filled(lambda: LlavaNextForConditionalGeneration(config), device, dtype)


class RandomPrompts(nn.Module):
    """Embeddings of the right shape in place of three text encoders: the same ones for the same number of prompts."""

    def __init__(self, s: Sizes, device: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.tokens = nn.Parameter(
            torch.randn(1, 333, s.transformer["joint_attention_dim"], device=device, dtype=dtype)
        )
        self.pooled = nn.Parameter(torch.randn(1, s.transformer["pooled_projection_dim"], device=device, dtype=dtype))

    def forward(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        n = len(prompts)
        return self.tokens.detach().expand(n, -1, -1), self.pooled.detach().expand(n, -1)


class Bytes:
    """What `pipelines.vlsa.llava.Template` is for a checkpoint, for random weights: text as bytes."""

    def __init__(self, made: PreTrainedTokenizerFast) -> None:
        self.made, self.end = made, [-1]  # no token ends an answer, so that all are of one length

    def dialogue(self, turns: Sequence[Message]) -> list[int]:
        return list(self.made(f"<image>{turns[-1].text}")["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        return self.made.decode([i for i in ids if i < len(self.made)])


# -- measuring --------------------------------------------------------------------------------------------------------


def timed(task: Callable[[], Any], runs: int, device: str) -> dict[str, float]:
    """Seconds of a task after one warm-up: median, least and most; and the most memory of the device, GB."""

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    task()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(runs):
        wait()
        began = time.perf_counter()
        task()
        wait()
        seconds.append(time.perf_counter() - began)
    peak = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else 0.0
    return {"median": statistics.median(seconds), "least": min(seconds), "most": max(seconds), "peak_gb": peak}


def draw(s: Sizes, device: str, dtype: torch.dtype, runs: int) -> dict[str, Any]:
    """Ours and diffusers' pipeline on the same transformer's weights, one picture at a time."""
    preset, registry = get_preset("full"), Registry()
    register(registry, preset)
    plain, vae, prompts = transformer(s, device, dtype), autoencoder(s, device, dtype), RandomPrompts(s, device, dtype)
    wide = int(json.loads((preset.part("ccm") / "config.json").read_text())["width"])
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    pipe: Any = StableDiffusion3Pipeline(plain, scheduler, vae, None, None, None, None, None, None)
    pipe.set_progress_bar_config(disable=True)
    (tokens, pooled), how = prompts(["x"]), {"height": s.size, "width": s.size, "num_inference_steps": s.steps}
    embeds = {
        "prompt_embeds": tokens, "pooled_prompt_embeds": pooled, "negative_prompt_embeds": tokens,
        "negative_pooled_prompt_embeds": pooled, "guidance_scale": 7.0,
    }  # fmt: skip
    theirs = timed(lambda: pipe(**embeds, **how), runs, device)
    grown = VisualFeatureEnhancer.grown(plain, wide)  # takes the weights over
    registry.register("vlad.vfe", lambda _: ready(grown))
    registry.register("vlad.vae", lambda _: ready(StableAutoencoder(vae)))
    registry.register("vlad.prompts", lambda _: prompts)
    vlad = VladPipeline(ModelCache(registry, Placement(device, device, dtype)), "full")
    layout = vlad.plan("A red poster with the text 'SALE' and a dog", seed=0)
    ours = timed(lambda: vlad.generate(layout, steps=s.steps, size=s.size, guidance=7.0), runs, device)
    return {"ours_s": ours, "diffusers_s": theirs, "overhead": ours["median"] / theirs["median"] - 1}


def chat(s: Sizes, device: str, dtype: torch.dtype, runs: int) -> dict[str, Any]:
    """Ours and `generate` of transformers, on the same model, one answer of `tokens` tokens."""
    made = tokenizer()
    image_token = int(made.convert_tokens_to_ids("<image>"))
    model = llava(s, device, dtype, image_token)
    edge = s.vision["image_size"]
    processor = LlavaNextImageProcessorPil(
        size={"shortest_edge": edge}, crop_size={"height": edge, "width": edge},
        image_grid_pinpoints=[list(g) for g in s.grid],
    )  # fmt: skip
    noise = np.random.default_rng(0).integers(0, 256, (2 * edge, 2 * edge, 3), np.uint8)
    image, question = Image.fromarray(noise), "What does it say?"
    wrapped, template = PlainLlava(model, processor), Bytes(made)
    registry = Registry()
    registry.register("language_tokenizer", lambda _: template)
    registry.register("llava.plain", lambda _: ready(wrapped))
    vlsa = PlainVlsaPipeline(ModelCache(registry, Placement(device, device, dtype, ram_bytes=1 << 40)), "full")

    def ours() -> None:
        vlsa._encoded.clear()
        for _ in vlsa.chat([Message("user", question, vlsa.view(image))], max_tokens=s.tokens):
            pass

    def theirs() -> None:
        seen = processor(image, return_tensors="pt")
        with torch.inference_mode():
            count = wrapped.see(image).shape[1] if not lengths else lengths[0]
            lengths.append(count)
            ids = torch.tensor([[image_token] * count + list(made(question)["input_ids"])], device=device)
            model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=seen["pixel_values"].to(device, dtype),
                image_sizes=seen["image_sizes"].to(device), do_sample=False, max_new_tokens=s.tokens,
                min_new_tokens=s.tokens, pad_token_id=0,
            )  # fmt: skip

    lengths: list[int] = []
    a, b = timed(ours, runs, device), timed(theirs, runs, device)
    rates = {"ours_tokens_per_s": s.tokens / a["median"], "transformers_tokens_per_s": s.tokens / b["median"]}
    return {
        "ours_s": a,
        "transformers_s": b,
        **rates,
        "image_tokens": lengths[0],
        "overhead": a["median"] / b["median"] - 1,
    }


def train(s: Sizes, device: str, dtype: torch.dtype, runs: int) -> dict[str, Any]:
    """A step of LoRA and the new input channels, with checkpointing: samples a second and the share of the peak."""
    vfe: Any = adapted(VisualFeatureEnhancer.grown(transformer(s, device, dtype), 256), 16)
    for name, p in vfe.named_parameters():
        p.requires_grad_(trained(name))
    vfe.denoiser.enable_gradient_checkpointing()
    vfe.train()
    learned = [p for p in vfe.parameters() if p.requires_grad]
    optimiser, b, side = torch.optim.AdamW(learned, lr=1e-5), s.train_batch, s.train_size // 8
    clean = torch.randn(b, 16, side, side, device=device)
    noise, canvas = torch.randn_like(clean), torch.randn_like(clean)
    sigma, cover = torch.full((b,), 0.6, device=device), torch.rand(b, 6, side, side, device=device)
    tokens = torch.randn(b, 333, s.transformer["joint_attention_dim"], device=device)
    pooled = torch.randn(b, s.transformer["pooled_projection_dim"], device=device)
    elements = torch.randn(b, 6, 256, device=device)

    def step() -> None:
        x0 = vfe(add_noise(clean, noise, sigma), sigma, canvas, tokens, pooled, cover, elements)
        (x0 - clean).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()

    step()
    with FlopCounterMode(display=False) as counted:
        step()
    found = timed(step, runs, device)
    peak = next((v for k, v in PEAK.items() if device == "cuda" and k in torch.cuda.get_device_name()), None)
    rate = counted.get_total_flops() / found["median"]
    return {
        "step_s": found, "samples_per_s": b / found["median"], "flop_per_step": counted.get_total_flops(),
        "utilisation": rate / peak if peak else None, "counts": "operations done, with those of checkpointing",
    }  # fmt: skip


def main() -> None:
    p = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--tiny", action="store_true", help="tiny models, to rehearse it on a CPU")
    p.add_argument("--parts", nargs="+", choices=["draw", "chat", "train"], default=["draw", "chat", "train"])
    p.add_argument("--runs", type=int, default=5)
    args = p.parse_args()
    runtime = detect("auto")
    if not args.tiny and runtime.device != "cuda":
        p.error("the real sizes need a CUDA GPU; --tiny rehearses the same without one")
    s, tasks = TINY if args.tiny else FULL, {"draw": draw, "chat": chat, "train": train}
    found: dict[str, Any] = {"machine": machine(), "device": runtime.describe(), "tiny": args.tiny}
    for name in args.parts:
        found[name] = tasks[name](s, runtime.device, runtime.dtype, args.runs)
        print(name, json.dumps(found[name]), flush=True)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(found, indent=1) + "\n")
        if runtime.device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
