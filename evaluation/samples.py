"""The sample sheet: every prompt of a file once, seeds in order, nothing left out.

python -m evaluation.samples [--prompts FILE] [--out assets/samples/vlad.png]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from evaluation.vlad import read_prompts

HERE = Path(__file__).resolve().parent
COLUMNS, GAP, SIDE = 6, 8, 256


def sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    """A contact sheet on white, COLUMNS wide."""
    rows = -(-len(pictures) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * (SIDE + GAP) + GAP, rows * (SIDE + GAP) + GAP), "white")
    for i, picture in enumerate(pictures):
        page.paste(picture, (GAP + i % COLUMNS * (SIDE + GAP), GAP + i // COLUMNS * (SIDE + GAP)))
    return page


def main() -> None:
    from pipelines import load

    p = argparse.ArgumentParser(description="Draw the sample sheet and the list of its prompts and seeds.")
    p.add_argument("--prompts", type=Path, default=HERE / "prompts" / "samples.txt")
    p.add_argument("--out", type=Path, default=HERE.parent / "assets" / "samples" / "vlad.png")
    p.add_argument("--seed", type=int, default=0, help="seed of the first picture")
    args = p.parse_args()
    vlad, pictures, lines = load("mini"), [], ["| seed | prompt |", "|---:|---|"]
    for i, prompt in enumerate(read_prompts(args.prompts)):
        seed = args.seed + i
        pictures.append(vlad.generate(vlad.plan(prompt, seed=seed), seed=seed).images[0])
        lines.append(f"| {seed} | {prompt} |")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    sheet(pictures).save(args.out, optimize=True)
    about = "Left to right, top to bottom; default settings; `python -m evaluation.samples` draws them again."
    text = f"# Samples\n\n{about}\n\n"
    args.out.with_suffix(".md").write_text(text + "\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
