"""VLAD as a script: `python -m pipelines.vlad --prompt P --seed S --images N --out DIR`; prints one line of JSON."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from pipelines.errors import BadLayout, BadSetting, UserError
from pipelines.types import Element, Generation, Layout
from pipelines.vlad.settings import DRAWING


def arguments() -> argparse.ArgumentParser:
    sizes = "; ".join(f"{', '.join(map(str, how.sizes))} with {name}" for name, how in DRAWING.items())
    p = argparse.ArgumentParser(prog="python -m pipelines.vlad", description="Prompt to layout to image.")
    p.add_argument("--prompt", help="what to draw; quoted words are drawn as text")
    p.add_argument("--negative-prompt", metavar="N", help='what not to draw, separated by commas: "red, dogs, serif"')
    p.add_argument("--layout", type=Path, help="draw this layout.json instead of planning one")
    p.add_argument("--out", type=Path, required=True, help="folder for image-0.png ... and layout.json")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--images", type=int, default=1, help="1 to 4; image k has seed + k")
    p.add_argument("--steps", type=int, help="denoising steps")
    p.add_argument("--guidance", type=float, help="classifier-free guidance, 1 = none")
    p.add_argument("--start", type=float, metavar="T0", help="how far the canvas is noised, 1 = pure noise")
    p.add_argument("--size", type=int, help=f"side in pixels, one of {sizes}")
    p.add_argument("--variety", type=float, help="spread of the sampled layout, 0 to 1")
    p.add_argument("--preset", default="mini")
    p.add_argument("--read-back", action="store_true", help="read the images back: their words beside the layout's")
    p.add_argument("--no-ccm", action="store_true", help="ablation: the global embedding alone")
    p.add_argument("--no-hierarchical-guidance", action="store_true", help="ablation: no layout canvas")
    return p


def read_layout(path: Path) -> Layout:
    """A layout file.

    Raises:
        BadLayout: unreadable, or not a layout.
    """
    try:
        return Layout.from_json(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as e:
        raise BadLayout(f"The layout file {path} cannot be read; give the path of an exported layout.json.") from e


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Plan, draw, write the files, and say what was done."""
    from pipelines import load
    from pipelines.vlad.negative import read_negative

    if args.prompt is None and args.layout is None:
        raise BadSetting("There is nothing to draw; give --prompt, or --layout with an exported layout.json.")
    vlad = load(args.preset)
    began = time.perf_counter()
    if args.layout is not None:
        layout, planned = read_layout(args.layout), None
        layout = dataclasses.replace(layout, prompt=args.prompt) if args.prompt else layout
        if args.negative_prompt is not None:
            layout = dataclasses.replace(layout, negative_prompt=read_negative(args.negative_prompt).text)
    else:
        layout = vlad.plan(
            args.prompt,
            seed=args.seed,
            variety=args.variety,
            use_ccm=not args.no_ccm,
            negative_prompt=args.negative_prompt or "",
        )
        planned = round(1000 * (time.perf_counter() - began), 1)
    made = vlad.generate(
        layout,
        seed=args.seed,
        images=args.images,
        steps=args.steps,
        guidance=args.guidance,
        start=args.start,
        size=args.size,
        use_ccm=not args.no_ccm,
        hierarchical_guidance=not args.no_hierarchical_guidance,
    )
    read = {"read_back": [r.to_dict() for r in vlad.read_back(layout, made.images)]} if args.read_back else {}
    timings = {**({"layout": planned} if planned is not None else {}), **made.timings_ms}
    return {**report(made, write(made, args.out)), **read, "timings_ms": timings, "peak_rss_mb": peak_rss_mb()}


def write(made: Generation, out: Path) -> list[str]:
    """image-0.png ... and layout.json; returns the images' paths.

    Raises:
        BadSetting: the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        files = []
        for k, image in enumerate(made.images):
            image.save(out / f"image-{k}.png")
            files.append(str(out / f"image-{k}.png"))
        (out / "layout.json").write_text(
            json.dumps(made.layout.to_dict(), indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
    except OSError as e:
        raise BadSetting(f"The folder {out} cannot be written ({e.strerror}); choose another --out.") from e
    return files


def report(made: Generation, files: list[str]) -> dict[str, Any]:
    def shown(e: Element) -> dict[str, Any]:
        return {"kind": e.kind, "text": e.text, "box": e.box.as_list()}

    elements = [shown(e) for e in made.layout.elements]
    return {"seed": made.seed, "elements": elements, "warnings": list(made.layout.warnings), "files": files}


def peak_rss_mb() -> float:
    """Most memory this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)


def main() -> int:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    args = arguments().parse_args()
    try:
        print(json.dumps(run(args), ensure_ascii=False))
    except UserError as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
