"""How many queued requests one replica and more of them finish in the same time, on this machine.

    python -m evaluation.replicas --replicas 1 2 --requests 24 --threads 1 --json runs/replicas.json

All requests are there from the beginning, half of them pictures and half of them answers, or one kind alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from evaluation.environment import machine
from pipelines import serve
from pipelines.vlsa.tiling import view
from pipelines.vlsa.types import Message

PROMPTS = ("A sign with 'OPEN'", "A poster of a red balloon that says 'Hello World'", "A card with 'THANK YOU'")
QUESTION = "Describe the picture briefly."
KINDS = ("draw", "chat")


def measure(count: int, requests: int, threads: int, kind: str, preset: str = "mini") -> dict[str, float]:
    """Seconds for all `requests` of a kind with `count` replicas, after each replica has done one.

    Args:
        threads: of each replica. kind: one of KINDS.
    """
    which = KINDS.index(kind)
    serve.serve(preset, count, threads, which=(which,))
    remote: Any = serve.Remote(which)
    if which == 0:
        plans = [remote.plan(p, seed=k) for k, p in enumerate(PROMPTS)]

        def work(k: int) -> None:
            for _ in remote.stream(plans[k % len(plans)], seed=k, previews=False):
                pass
    else:
        picture = view(Image.new("RGB", (256, 256), "#336699"))

        def work(k: int) -> None:
            for _ in remote.chat([Message("user", QUESTION, picture)]):
                pass

    with ThreadPoolExecutor(requests) as pool:
        list(pool.map(work, range(2 * count)))
        began = time.perf_counter()
        list(pool.map(work, range(requests)))
        seconds = time.perf_counter() - began
    return {"replicas": count, "requests": requests, "seconds": seconds, "per_minute": 60 * requests / seconds}


def told(found: Sequence[dict[str, float]]) -> str:
    """Lines for people."""
    first = found[0]["per_minute"]
    return "\n".join(
        f"{r['replicas']:.0f} replicas: {r['requests']:.0f} requests in {r['seconds']:.1f} s, "
        f"{r['per_minute']:.0f} a minute, {r['per_minute'] / first:.2f} times the first"
        for r in found
    )


def main() -> None:
    p = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    p.add_argument("--replicas", type=int, nargs="+", default=[1, 2])
    p.add_argument("--requests", type=int, default=24)
    p.add_argument("--threads", type=int, default=1, help="of each replica")
    p.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    p.add_argument("--json", type=Path)
    args = p.parse_args()
    serve.begin(num_cpus=args.threads * max(args.replicas) + 2)
    found: dict[str, Any] = {"machine": machine(), "threads": args.threads}
    for kind in args.kinds:
        found[kind] = [measure(n, args.requests, args.threads, kind) for n in args.replicas]
        print(f"{kind}\n{told(found[kind])}", flush=True)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
