"""Time and memory of VLSA, beside the architecture of SmolVLM-256M on the same cores in the same run.

The peer has random weights of its true architecture: SigLIP base, patch 16, 512 px; pixel shuffle by 4 and one linear
layer, so a tile of 512 x 512 becomes 64 tokens; SmolLM2-135M. It is timed at two numbers of tiles: 1, the least it can
be set to for a 512 x 512 image, and 17, as it is delivered (the image is enlarged to 2,048 px and split into 4 x 4
tiles, and one more shows the whole). Its resizing and tokenising are left out, in its favour.
"""

from __future__ import annotations

import gc
import io
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from evaluation.bench import PROMPTS, summary_ms, timed
from evaluation.environment import ROOT, checkpoint, machine, peak_memory_mb
from pipelines.vlsa.types import Message, Reply

QUESTION = "Describe the image."
TOKENS = 32  # answered by the peer; ours may stop earlier
SIZES = (256, 512)
TILES = (1, 17)
TOKENS_PER_TILE = 64
TEXT_TOKENS = 30  # of the peer's prompt beside the image
IMAGE_TOKEN = 49190

VISION: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 512,
    "patch_size": 16,
}
TEXT: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": 49280,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 64,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "pad_token_id": 2,
    "tie_word_embeddings": False,
}


# ---- ours


def pictures(vlad: Any, count: int) -> list[Image.Image]:
    """Different pictures drawn by VLAD, so that nothing kept for one image helps the next; RGB, 256 x 256."""
    found = []
    for k in range(count):
        prompt = PROMPTS[k % len(PROMPTS)]
        found.append(vlad.generate(vlad.plan(prompt, seed=k), seed=k).images[0])
    return found


def time_stages(pipe: Any, images: Sequence[Image.Image]) -> tuple[dict[str, Any], dict[str, float]]:
    """Stages of the pipeline at default settings, one run per image after a warm-up on the first.

    Returns:
        milliseconds per stage; median and 95th percentile (of slowness) of tokens per second. Every stage but "open and
        tile" starts from an image that the pipeline has not seen, so encoding is part of it; "encode" is there where
        the pipeline offers it alone.
    """
    _one_run(pipe, _variant(images[0], 0))
    seconds: dict[str, list[float]] = {}
    speeds: list[float] = []
    for k, image in enumerate(images):
        stages, speed = _one_run(pipe, _variant(image, k + 1))
        for name, value in stages.items():
            seconds.setdefault(name, []).append(value)
        speeds.append(speed)
    return {name: summary_ms(values) for name, values in seconds.items()}, _speed(speeds)


def _speed(speeds: Sequence[float]) -> dict[str, float]:
    """Median and the 5th percentile, which 95 % of the answers reach."""
    return {"median": round(float(np.median(speeds)), 2), "p95": round(float(np.percentile(speeds, 5)), 2)}


def _variant(image: Image.Image, k: int) -> Iterator[Image.Image]:
    """The image again and again, each time with another corner pixel, so that it counts as new."""
    number = 1000 * k
    while True:
        number += 1
        new = image.copy()
        new.putpixel((0, 0), (number % 256, number // 256 % 256, number // 65536 % 256))
        yield new


def _one_run(pipe: Any, images: Iterator[Image.Image]) -> tuple[dict[str, float], float]:
    """Seconds of every stage, and tokens per second of the answer about the larger image."""
    stages, speed = {}, 0.0
    for size in SIZES:
        png = _png(next(images), size)
        stages[f"open and tile, {size} px"] = timed(partial(pipe.view, png))[1]
        if hasattr(pipe, "encode"):
            view = pipe.view(_png(next(images), size))
            stages[f"encode, {size} px"] = timed(partial(pipe.encode, view))[1]
        reply = last(pipe.chat([Message("user", QUESTION, _sized(next(images), size))], max_tokens=TOKENS))
        stages[f"first token, {size} px"] = reply.first_token_ms / 1000
        speed = reply.tokens_per_s
    stages |= _rebuild(pipe, next(images))
    stages["tokens view"] = timed(lambda: pipe.tokens(pipe.view(next(images))))[1]
    stages["predicted grid"] = timed(lambda: last(pipe.predict(pipe.view(next(images)))))[1]
    stages["predicted colours"] = timed(lambda: pipe.pixels(pipe.view(next(images))))[1]
    return stages, speed


def _rebuild(pipe: Any, image: Image.Image) -> dict[str, float]:
    """Seconds to the preview and to the result of one reconstruction."""
    view, began, found = pipe.view(image), time.perf_counter(), {}
    for report in pipe.reconstruct(view, seed=0):
        if report.stage == "preview":
            found["preview reconstruction"] = time.perf_counter() - began
    found["diffusion reconstruction"] = time.perf_counter() - began
    return found


def last(reports: Iterator[Any]) -> Any:
    """The last report of a stage.

    Raises:
        ValueError: there was none.
    """
    found = deque(reports, maxlen=1)
    if not found:
        raise ValueError("the stage reported nothing")
    return found[0]


def _sized(image: Image.Image, size: int) -> Image.Image:
    return image.resize((size, size), Image.Resampling.BICUBIC)


def _png(image: Image.Image, size: int) -> bytes:
    file = io.BytesIO()
    _sized(image, size).save(file, "PNG")
    return file.getvalue()


# ---- the peer


def peer_model() -> Any:
    """SmolVLM-256M with random weights, float32: 256 million parameters."""
    import torch
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration
    from transformers.utils import logging

    logging.set_verbosity_error()
    config = Idefics3Config(
        vision_config=VISION, text_config=TEXT, scale_factor=4, image_token_id=IMAGE_TOKEN, tie_word_embeddings=False
    )
    torch.manual_seed(0)
    return Idefics3ForConditionalGeneration(config).eval()


def peer_run(model: Any, tiles: int, tokens: int = TOKENS) -> tuple[float, float]:
    """Seconds to the first token of an answer to an image of `tiles` tiles, and tokens per second after it; greedy."""
    import torch

    text = torch.randint(0, 49000, (1, TEXT_TOKENS))
    ids = torch.cat((torch.full((1, tiles * TOKENS_PER_TILE), IMAGE_TOKEN), text), 1)
    pixels = torch.rand(1, tiles, 3, VISION["image_size"], VISION["image_size"])
    with torch.inference_mode():
        began = time.perf_counter()
        out = model(input_ids=ids, pixel_values=pixels, use_cache=True, logits_to_keep=1)
        token, first = out.logits[:, -1:].argmax(-1), time.perf_counter() - began
        began = time.perf_counter()
        for _ in range(tokens - 1):
            out = model(input_ids=token, past_key_values=out.past_key_values, use_cache=True)
            token = out.logits[:, -1:].argmax(-1)
        rest = time.perf_counter() - began
    return first, (tokens - 1) / rest


def time_peer(runs: int, tiles: Sequence[int] = TILES, build: Callable[[], Any] = peer_model) -> list[dict[str, Any]]:
    """The peer at each number of tiles: `runs` timed runs after a warm-up with one tile, one run where there are
    several tiles."""
    import torch

    model, found = build(), []
    peer_run(model, 1, 2)
    for count in tiles:
        made = [peer_run(model, count) for _ in range(runs if count == 1 else 1)]
        found.append(
            {
                "name": "SmolVLM-256M architecture (SigLIP base 512 px, SmolLM2-135M), random weights",
                "tiles": count,
                "visual_tokens": count * TOKENS_PER_TILE,
                "dtype": str(next(model.parameters()).dtype).removeprefix("torch."),
                "parameters": sum(p.numel() for p in model.parameters()),
                "threads": torch.get_num_threads(),
                "runs": len(made),
                "stages_ms": {"first token": summary_ms([first for first, _ in made])},
                "tokens_per_s": _speed([speed for _, speed in made]),
            }
        )
    del model
    gc.collect()
    return found


def with_ratios(peers: list[dict[str, Any]], stages: dict[str, Any], speed: dict[str, float]) -> list[dict[str, Any]]:
    """The peers with how many times longer they take to the first token of a 512 px image than ours, and how many times
    as many tokens per second ours gives; medians."""
    ours = stages[f"first token, {SIZES[-1]} px"]["median"]
    return [
        {
            **p,
            "ratio_first_token": round(p["stages_ms"]["first token"]["median"] / ours, 2),
            "ratio_tokens_per_s": round(speed["median"] / p["tokens_per_s"]["median"], 2),
        }
        for p in peers
    ]


# ---- fresh process


def child_report(preset: str) -> dict[str, float]:
    """What a fresh process with both tabs needs: seconds to the first answer, and peak memory after each part was used.

    import_and_load_s ends with both pipelines at hand, first_answer_s is the first answer after that, with every model
    it loads at first use; cold_start_s is their sum. peak_rss_mib (MiB) is taken after one drawing, one answer, one
    reconstruction, one tokens view and one predicted grid.
    """
    began = time.perf_counter()
    import pipelines

    vlad, vlsa = pipelines.load_both(preset)
    loaded = time.perf_counter()
    image = Image.new("RGB", (512, 512), "#3366aa")
    reply: Reply = last(vlsa.chat([Message("user", QUESTION, image)], max_tokens=TOKENS))
    answered = time.perf_counter()
    vlad.generate(vlad.plan(PROMPTS[0], seed=0), seed=0)
    view = vlsa.view(image)
    last(vlsa.reconstruct(view, seed=0))
    vlsa.tokens(view)
    last(vlsa.predict(view))
    return {
        "import_and_load_s": round(loaded - began, 2),
        "first_answer_s": round(answered - loaded, 2),
        "cold_start_s": round(answered - began, 2),
        "answer_tokens": reply.tokens,
        "peak_rss_mib": round(peak_memory_mb() * 1e6 / 2**20, 1),
    }


def fresh_process(preset: str) -> dict[str, Any]:
    """`child_report` of a process of its own; "error" holds its last line when it fails."""
    command = [sys.executable, "-m", "evaluation.bench", "vlsa", "--child", "--preset", preset]
    try:
        done, seconds = timed(lambda: subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600))
    except subprocess.TimeoutExpired:
        return {"error": "The process did not finish within 600 seconds."}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return {**json.loads(lines[-1]), "process_s": round(seconds, 2)}


# ---- the whole


def bench_vlsa(runs: int, peer_runs: int, preset: str = "mini") -> dict[str, Any]:
    """Everything `evaluation.bench vlsa` reports. The fresh process comes first, while this one holds no model."""
    fresh = fresh_process(preset)
    import pipelines
    from pipelines.vlsa.settings import DEFAULTS

    vlad, vlsa = pipelines.load_both(preset)
    images = pictures(vlad, runs)
    stages, speed = time_stages(vlsa, images)
    dtype = str(vlsa.cache.placement.dtype).removeprefix("torch.")
    del vlad, vlsa
    gc.collect()
    peers = with_ratios(time_peer(peer_runs), stages, speed) if peer_runs else []
    return {
        "pipeline": "vlsa",
        "checkpoint": checkpoint(preset, pipeline="vlsa"),
        "settings": dict(DEFAULTS),
        "dtype": dtype,
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d"),
        "runs": runs,
        "stages_ms": stages,
        "tokens_per_s": speed,
        "fresh_process": fresh,
        "peers": peers,
    }
