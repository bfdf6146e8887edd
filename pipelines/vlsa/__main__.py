"""VLSA as a script: `python -m pipelines.vlsa --image FILE --ask "..."`; prints one line of JSON for each result."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.errors import BadSetting, UserError
from pipelines.vlsa.settings import DEFAULTS


def arguments() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m pipelines.vlsa", description="Ask about an image, rebuild it, see its tokens."
    )
    p.add_argument("--image", type=Path, required=True, help="PNG, JPEG, WebP, GIF, BMP or TIFF of any size")
    p.add_argument(
        "--ask", action="append", default=[], metavar="QUESTION", help="may be given again: one conversation"
    )
    p.add_argument("--max-tokens", type=int, help=f"longest answer, default {DEFAULTS['max_tokens']}")
    p.add_argument("--temperature", type=float, help="0 = greedy, the default")
    p.add_argument("--top-p", type=float, help="share of the probability that is sampled from")
    p.add_argument("--repetition-penalty", type=float, help="1 = none")
    p.add_argument("--reconstruct", type=Path, metavar="OUT.png", help="write the picture rebuilt from the embeddings")
    p.add_argument("--steps", type=int, help=f"denoising steps, default {DEFAULTS['steps']}")
    p.add_argument("--guidance", type=float, help="classifier-free guidance, 1 = none")
    p.add_argument("--low-resolution-only", action="store_true", help="rebuild from the snapshot alone (ablation)")
    p.add_argument("--tokens", type=Path, metavar="OUT.json", help="write the true and the predicted grid of indices")
    p.add_argument("--seed", type=int, default=int(DEFAULTS["seed"]))
    p.add_argument("--preset", default="mini")
    return p


def answers(vlsa: Any, view: Any, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Ask in turn, each question with those before it."""
    from pipelines.vlsa.types import Message

    messages: list[Message] = []
    settings = {k: getattr(args, k) for k in ("max_tokens", "temperature", "top_p", "repetition_penalty", "seed")}
    for question in args.ask:
        messages.append(Message("user", question, None if messages else view))
        reply = None
        for reply in vlsa.chat(messages, **settings):  # noqa: B007 - the last one counts
            pass
        assert reply is not None
        messages.append(Message("assistant", reply.text))
        yield {
            "question": question, "text": reply.text, "tokens": reply.tokens,
            "first_token_ms": reply.first_token_ms, "tokens_per_s": reply.tokens_per_s,
        }  # fmt: skip


def rebuild(vlsa: Any, view: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Rebuild the picture, write it and measure it."""
    settings = {k: getattr(args, k) for k in ("steps", "guidance", "seed")}
    last = None
    for last in vlsa.reconstruct(view, perceiver=not args.low_resolution_only, **settings):  # noqa: B007
        pass
    assert last is not None
    _write(args.reconstruct, lambda path: view.crop(last.image).save(path))
    numbers = {k: round(v, 4) if (v := getattr(last, k)) is not None else None for k in ("psnr", "ssim", "perceptual")}
    return {"file": str(args.reconstruct), **numbers, "seconds": round(last.seconds, 3)}


def grids(vlsa: Any, view: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Write both grids of indices and say how often they agree."""
    true, predicted = vlsa.tokens(view).true, None
    for predicted in vlsa.predict(view):  # noqa: B007 - the last one counts
        pass
    assert predicted is not None
    content = {"codes": 1024, "true": true.tolist(), "predicted": predicted.index.tolist()}
    _write(args.tokens, lambda path: path.write_text(json.dumps(content) + "\n", "utf-8"))
    return {"file": str(args.tokens), "accuracy": round(predicted.accuracy, 4)}


def _write(path: Path, save: Any) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path)
    except (OSError, ValueError) as e:
        raise BadSetting(f"The file {path} cannot be written ({e}); choose another path, such as out.png.") from e


def run(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One result for each thing asked for."""
    from pipelines import load_vlsa

    if not (args.ask or args.reconstruct or args.tokens):
        raise BadSetting("There is nothing to do; give --ask, --reconstruct or --tokens.")
    vlsa = load_vlsa(args.preset)
    view = vlsa.view(args.image)
    for note in view.notes:
        print(note, file=sys.stderr)
    yield from answers(vlsa, view, args)
    if args.reconstruct:
        yield rebuild(vlsa, view, args)
    if args.tokens:
        yield grids(vlsa, view, args)


def main() -> int:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        for result in run(arguments().parse_args()):
            print(json.dumps(result, ensure_ascii=False), flush=True)
    except UserError as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
