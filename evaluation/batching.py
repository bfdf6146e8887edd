"""Does computing for several visitors at once raise throughput on this machine?

    python -m evaluation.batching [--runs N] [--json FILE]

prints JSON: pictures per second when one drawing makes 1, 2 and 4 of them (steps at their default), and tokens per
second when 1, 2 and 4 answers of the same length are decoded in one batch. Higher throughput at 4 than at 1 is what
batching would gain; equal throughput means that visitors are served as well one after the other.

`visitors` is what they get of it: 1, 2 and 4 threads ask at once, and are answered one after the other ("serial") or
together: tokens per second of all, and after how many seconds the last one of them sees the first token. The two take
turns, so that other work on the machine meets both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from evaluation.environment import checkpoint, machine
from pipelines import load_both
from pipelines.vlsa.decoding import Decoder
from pipelines.vlsa.types import Message

SIZES = (1, 2, 4)
PROMPT = "A birthday card with a cake that says 'Hooray for Wren' on a sky blue background"
QUESTION = "What does the picture show?"
LONG = "Describe the picture in detail, with its text and everything that is in it."
LENGTH = 32  # tokens of an answer


def rates(run: Callable[[int], int], sizes: Sequence[int], runs: int) -> dict[str, float]:
    """Items per second by batch size: the median of some runs, which take turns between the sizes.

    Args:
        run: computes a batch of a size and returns how many items it made.
    """
    for size in sizes:
        run(size)
    seen: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(runs):
        for size in sizes:
            began = time.perf_counter()
            made = run(size)
            seen[size].append(made / (time.perf_counter() - began))
    return {str(size): round(statistics.median(values), 2) for size, values in seen.items()}


def drawing(vlad: Any) -> Callable[[int], int]:
    """A drawing of `size` pictures of one plan."""
    layout = vlad.plan(PROMPT, seed=1)

    def run(size: int) -> int:
        return len(vlad.generate(layout, seed=1, images=size).images)

    return run


def answering(vlsa: Any, picture: Any) -> Callable[[int], int]:
    """`size` answers of LENGTH tokens about a picture, in one batch, each token the likeliest."""
    encoded = vlsa.encode(vlsa.view(picture))

    @torch.inference_mode()
    def run(size: int) -> int:
        with vlsa.cache.use("language_tokenizer", "vlsa.vlm") as (tokenizer, vlm):
            ids = torch.tensor([vlsa.speller(tokenizer).turn(QUESTION)], device=encoded.v.device)
            decoder = Decoder(vlm, vlm.prompt(encoded.v, ids).expand(size, -1, -1))
            for _ in range(LENGTH):
                decoder.append(decoder.logits.argmax(-1, keepdim=True))
        return size * LENGTH

    return run


@dataclass(frozen=True)
class Served:
    """What visitors who ask at once get: tokens per second of all, and seconds to the first token of the last one."""

    tokens_per_s: float
    last_begins_s: float


def serving(vlsa: Any, picture: Any, size: int, turn: AbstractContextManager[Any]) -> Served:
    """`size` visitors ask about a picture at once, each in a thread of its own; an answer is computed inside `turn`."""
    asked = [Message("user", LONG, vlsa.view(picture))]
    how: dict[str, Any] = {"max_tokens": LENGTH, "repetition_penalty": 1.3}
    start = threading.Barrier(size)

    def visit(_: int) -> tuple[int, float, float]:
        start.wait()
        began, first, tokens = time.perf_counter(), 0.0, 0
        with turn:
            for reply in vlsa.chat(asked, **how):
                first, tokens = first or time.perf_counter() - began, reply.tokens
        return tokens, first, time.perf_counter() - began

    with ThreadPoolExecutor(size) as pool:
        tokens, firsts, seconds = zip(*pool.map(visit, range(size)), strict=True)
    return Served(sum(tokens) / max(seconds), max(firsts))


def visitors(vlsa: Any, picture: Any, sizes: Sequence[int], runs: int) -> dict[str, dict[str, dict[str, float]]]:
    """Medians of `Served` by way and number of visitors."""
    ways: dict[str, AbstractContextManager[Any]] = {"serial": threading.Lock(), "together": nullcontext()}
    seen: dict[tuple[str, int], list[Served]] = {(way, size): [] for size in sizes for way in ways}
    for run in range(runs + 1):
        for (way, size), served in seen.items():
            found = serving(vlsa, picture, size, ways[way])
            if run:  # the first one warms up
                served.append(found)
    return {
        way: {
            str(size): {
                "tokens_per_s": round(statistics.median(s.tokens_per_s for s in seen[way, size]), 2),
                "last_begins_s": round(statistics.median(s.last_begins_s for s in seen[way, size]), 2),
            }
            for size in sizes
        }
        for way in ways
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(argv)
    vlad, vlsa = load_both("mini")
    draw = drawing(vlad)
    picture = vlad.generate(vlad.plan(PROMPT, seed=1), seed=1).images[0]
    found = {
        "pictures_per_s": rates(draw, SIZES, args.runs),
        "tokens_per_s": rates(answering(vlsa, picture), SIZES, args.runs),
        "visitors": visitors(vlsa, picture, SIZES, args.runs),
        "runs": args.runs,
        "checkpoints": [checkpoint("mini"), checkpoint("mini", pipeline="vlsa")],
        "machine": machine(),
    }
    text = json.dumps(found, indent=1)
    if args.json:
        args.json.write_text(text, "utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
