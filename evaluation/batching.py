"""Does computing for several visitors at once raise throughput on this machine?

    python -m evaluation.batching [--runs N] [--json FILE]

prints JSON: pictures per second when one drawing makes 1, 2 and 4 of them (steps at their default), and tokens per
second when 1, 2 and 4 answers of the same length are decoded in one batch. Higher throughput at 4 than at 1 is what
batching would gain; equal throughput means that visitors are served as well one after the other.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from evaluation.environment import checkpoint, machine
from pipelines import load_both
from pipelines.vlsa.decoding import Decoder

SIZES = (1, 2, 4)
PROMPT = "A birthday card with a cake that says 'Hooray for Wren' on a sky blue background"
QUESTION = "What does the picture show?"
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
