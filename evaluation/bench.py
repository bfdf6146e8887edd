"""Time and memory of VLAD on this machine, beside the architecture of sd-turbo on the same cores in the same run.

    python -m evaluation.bench vlad [--runs N] [--json FILE]
    python -m evaluation.bench vlsa [--runs N] [--json FILE]      see `evaluation.vlsa_bench`

prints JSON: per stage the median and 95th percentile in milliseconds after a warm-up, peak resident memory of a process
that runs nothing but the pipeline, cold starts, and the peer. The peer has random weights of its true architecture; its
speed does not depend on what the weights say, and its pictures are thrown away.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.environment import ROOT, checkpoint, machine, peak_memory_mb
from evaluation.vlad import HELD_OUT_PROMPTS, read_prompts
from pipelines.errors import UserError

PROMPTS = (
    "A birthday card with a cake and three balloons that says 'Hooray for Wren' on a sky blue background",
    "A storefront with 'Copper Kettle' written on it",
    "A poster of a fox to the left of a rocket with the words 'Night Flight' and 'Gate 12' on a navy blue background",
)
SERVER_TIMEOUT_S = 180.0
DEVICE = "cpu"

# SD 2.1's UNet, which sd-turbo shares; 32 x 32 latents are a 256 x 256 picture.
UNET: dict[str, Any] = {
    "sample_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 2,
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": (5, 10, 20, 20),
    "cross_attention_dim": 1024,
    "use_linear_projection": True,
}
TEXT_ENCODER: dict[str, Any] = {
    "vocab_size": 49408,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 23,
    "num_attention_heads": 16,
    "max_position_embeddings": 77,
    "hidden_act": "gelu",
}


def summary_ms(seconds: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Median and 95th percentile of durations, in milliseconds."""
    values = 1000 * np.asarray(seconds, float)
    return {"median": round(float(np.median(values)), 2), "p95": round(float(np.percentile(values, 95)), 2)}


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Result and duration in seconds."""
    began = time.perf_counter()
    result = call()
    return result, time.perf_counter() - began


def time_stages(pipe: Any, runs: int, prompts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Stages of the pipeline at default settings, one image per run.

    The warm-up draws PROMPTS; the timed runs draw `prompts` in turn, so that what is kept for objects drawn before
    helps no run that a visitor's first prompt would not be helped in.

    Returns:
        milliseconds per stage. parse: understand the prompt; layout: plan, which parses again; canvas, denoise, decode
        ...: stages as `generate` reports them; image: `generate`; total: layout and image, from prompt to picture.
    """
    for prompt in PROMPTS:
        pipe.generate(pipe.plan(prompt, seed=0), seed=0)
    seconds: dict[str, list[float]] = {}
    for k in range(runs):
        prompt = prompts[k % len(prompts)]
        _, parse = timed(partial(pipe.understand, prompt))
        layout, plan = timed(partial(pipe.plan, prompt, seed=k))
        made, image = timed(partial(pipe.generate, layout, seed=k))
        stages = {name: ms / 1000 for name, ms in made.timings_ms.items() if name not in ("total", "image", "layout")}
        for name, value in {"parse": parse, "layout": plan, **stages, "image": image, "total": plan + image}.items():
            seconds.setdefault(name, []).append(value)
    return {name: summary_ms(values) for name, values in seconds.items()}


# ---- the peer


def random_weights(module: Any) -> Any:
    """Fill an uninitialised module with small random weights, which costs less than each layer's own rule."""
    import torch

    module = module.to_empty(device=DEVICE).eval()
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.uniform_(-0.02, 0.02)
    return module


def _peer_unet() -> Callable[[], Any]:
    import torch
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(**UNET)
    unet = random_weights(unet)
    latents, context = torch.randn(1, 4, 32, 32), torch.randn(1, 77, 1024)
    return lambda: unet(latents, torch.tensor([999]), encoder_hidden_states=context)


def _peer_text_encoder() -> Callable[[], Any]:
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        encoder = CLIPTextModel(CLIPTextConfig(**TEXT_ENCODER))
    encoder = random_weights(encoder)
    ids = torch.randint(0, 49000, (1, 77))
    positions = torch.arange(77)[None]
    return lambda: encoder(input_ids=ids, position_ids=positions)


def _peer_decoder() -> Callable[[], Any]:
    import torch
    from diffusers import AutoencoderTiny

    with torch.device("meta"):
        autoencoder = AutoencoderTiny()
    autoencoder = random_weights(autoencoder)
    latents = torch.randn(1, 4, 32, 32)
    return lambda: autoencoder.decode(latents)


PEER_PARTS: dict[str, Callable[[], Callable[[], Any]]] = {
    "text encoder": _peer_text_encoder,
    "denoise, 1 step": _peer_unet,
    "decode": _peer_decoder,
}


def time_peer(runs: int, parts: dict[str, Callable[[], Callable[[], Any]]] | None = None) -> dict[str, Any]:
    """sd-turbo's three parts, built and timed in turn so that only one is in memory; float32, 256 px, no guidance."""
    import torch

    stages, total = {}, np.zeros(runs)
    for name, build in (parts or PEER_PARTS).items():
        call = build()
        with torch.inference_mode():
            call()
            seconds = [timed(call)[1] for _ in range(runs)]
        stages[name] = summary_ms(seconds)
        total += np.asarray(seconds)
        del call
        gc.collect()
    return {
        "name": "sd-turbo architecture (SD 2.1 UNet, 1 step; ViT-H text encoder; AutoencoderTiny), random weights",
        "size": 256,
        "dtype": "float32",
        "runs": runs,
        "stages_ms": {**stages, "total": summary_ms(total)},
    }


# ---- fresh processes


def child_report(preset: str) -> dict[str, float]:
    """What a fresh process that only draws needs: seconds and, in MB, peak memory.

    import_and_load_s ends with a pipeline at hand, first_image_s is the first picture after that, with every model it
    loads at first use; cold_start_s is their sum.
    """
    began = time.perf_counter()
    import pipelines

    pipe = pipelines.load(preset)
    loaded = time.perf_counter()
    layout = pipe.plan(PROMPTS[0], seed=0)
    pipe.generate(layout, seed=0)
    drawn = time.perf_counter()
    for k, prompt in enumerate(PROMPTS):
        pipe.generate(pipe.plan(prompt, seed=k), seed=k)
    return {
        "import_and_load_s": round(loaded - began, 2),
        "first_image_s": round(drawn - loaded, 2),
        "cold_start_s": round(drawn - began, 2),
        "peak_rss_mb": round(peak_memory_mb(), 1),
    }


def fresh_process(preset: str) -> dict[str, Any]:
    """`child_report` of a process of its own; "error" holds its last line when it fails."""
    command = [sys.executable, "-m", "evaluation.bench", "vlad", "--child", "--preset", preset]
    try:
        done, seconds = timed(lambda: subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600))
    except subprocess.TimeoutExpired:
        return {"error": "The process did not finish within 600 seconds."}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return {**json.loads(lines[-1]), "process_s": round(seconds, 2)}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def server_cold_start(command: Sequence[str] = (), cwd: Path = ROOT) -> dict[str, Any]:
    """Seconds from starting the app to its first answer; the app is stopped afterwards."""
    port = free_port()
    environment = {**os.environ, "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    began = time.perf_counter()
    process = subprocess.Popen(list(command) or [sys.executable, "app.py"], cwd=cwd, env=environment, **quiet)
    try:
        while time.perf_counter() - began < SERVER_TIMEOUT_S:
            if _answers(port):
                return {"server_ready_s": round(time.perf_counter() - began, 2)}
            if process.poll() is not None:
                return {"error": f"The app ended with status {process.returncode} before it answered."}
            time.sleep(0.1)
        return {"error": f"The app did not answer within {SERVER_TIMEOUT_S:g} seconds."}
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _answers(port: int) -> bool:
    """Whether the page on the port answers with success."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


# ---- the whole


def bench_vlad(runs: int, peer_runs: int, preset: str = "mini", server: bool = True) -> dict[str, Any]:
    """Everything `evaluation.bench vlad` reports. Fresh processes come first, while this one holds no model."""
    fresh = fresh_process(preset)
    cold = server_cold_start() if server else {"note": "skipped"}
    import pipelines
    from pipelines.vlad.settings import MINI

    pipe = pipelines.load(preset)
    stages = time_stages(pipe, runs, read_prompts(HELD_OUT_PROMPTS))
    del pipe
    gc.collect()
    peer = time_peer(peer_runs) if peer_runs else None
    return {
        "pipeline": "vlad",
        "checkpoint": checkpoint(preset),
        "settings": {**MINI.defaults, "size": 256},
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d"),
        "runs": runs,
        "stages_ms": stages,
        "fresh_process": fresh,
        "server": cold,
        "peer": peer,
        "ratio": ratio(stages, peer) if peer else None,
    }


def ratio(stages: dict[str, Any], peer: dict[str, Any]) -> float:
    """How many times longer the peer takes from prompt to picture than ours, medians."""
    return round(peer["stages_ms"]["total"]["median"] / stages["total"]["median"], 2)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m evaluation.bench", description=(__doc__ or "").split("\n")[0])
    p.add_argument("pipeline", choices=["vlad", "vlsa"])
    p.add_argument("--runs", type=int, default=20, help="timed runs of ours, each on another image")
    p.add_argument("--peer-runs", type=int, default=5, help="timed runs of the peer; 0 leaves it out")
    p.add_argument("--no-server", action="store_true", help="leave out the app's cold start (vlad)")
    p.add_argument("--preset", default="mini")
    p.add_argument("--json", help="also write the JSON to this file")
    p.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status; what goes wrong is one sentence on stderr."""
    args = parser().parse_args(argv)
    try:
        from evaluation import vlsa_bench

        if args.child:
            child = child_report if args.pipeline == "vlad" else vlsa_bench.child_report
            print(json.dumps(child(args.preset)))
            return 0
        if args.runs < 1:
            raise UserError(f"--runs is {args.runs}; time at least one run.")
        if args.pipeline == "vlad":
            found = bench_vlad(args.runs, args.peer_runs, args.preset, not args.no_server)
        else:
            found = vlsa_bench.bench_vlsa(args.runs, args.peer_runs, args.preset)
    except UserError as e:
        print(e, file=sys.stderr)
        return 1
    text = json.dumps(found, indent=1)
    if args.json:
        Path(args.json).write_text(text + "\n", "utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
