"""The sample sheets: every prompt of a file once, seeds in order; held-out images with what VLSA makes of them. Nothing
is left out.

python -m evaluation.samples [--prompts FILE] [--out assets/samples/vlad.png]
python -m evaluation.samples vlsa [--data held-out] [--photos held-out-photos] [--out assets/samples/vlsa.png]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from evaluation.vlad import read_prompts

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parent / "assets" / "samples"
COLUMNS, GAP, SIDE = 6, 8, 256
REBUILT = ("image", "snapshot alone", "preview", "diffusion", "VQ-VAE")  # columns of the sheet of VLSA
BLOCKS, SMALL, HEAD = 2, 160, 24  # columns of images; pixels of a picture and of the heading
POSTERS, PHOTOGRAPHS = 12, 6


def sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    """A contact sheet on white, COLUMNS wide."""
    rows = -(-len(pictures) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * (SIDE + GAP) + GAP, rows * (SIDE + GAP) + GAP), "white")
    for i, picture in enumerate(pictures):
        page.paste(picture, (GAP + i % COLUMNS * (SIDE + GAP), GAP + i // COLUMNS * (SIDE + GAP)))
    return page


def strip(pipe: Any, image: Image.Image | Path, seed: int) -> list[Image.Image]:
    """The pictures of REBUILT for one image, 256 x 256; the second is drawn by diffusion, as the fourth."""
    view = pipe.view(image)
    full = {r.stage: r.image for r in pipe.reconstruct(view, seed=seed)}
    snapshot = {r.stage: r.image for r in pipe.reconstruct(view, seed=seed, perceiver=False)}
    return [view.picture(), snapshot["done"], full["preview"], full["done"], pipe.tokens(view).decoded]


def sheet_of_strips(strips: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Strips in BLOCKS columns on white, under the names of REBUILT."""
    step, rows = SMALL + GAP, -(-len(strips) // BLOCKS)
    block = len(REBUILT) * step + 2 * GAP
    page = Image.new("RGB", (BLOCKS * block, HEAD + rows * step + GAP), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for b in range(BLOCKS):
        for i, name in enumerate(REBUILT):
            draw.text((b * block + GAP + i * step, 4), name, "black", font)
    for n, pictures in enumerate(strips):
        x, y = n // rows * block + GAP, HEAD + n % rows * step
        for i, picture in enumerate(pictures):
            page.paste(picture.resize((SMALL, SMALL), Image.Resampling.LANCZOS), (x + i * step, y))
    return page


def draw_vlsa(args: argparse.Namespace) -> None:
    """The sheet of held-out posters and photographs, chosen by the seed."""
    from evaluation.vlsa_data import read_set
    from pipelines import load_both

    samples = [
        *read_set(args.data, POSTERS, args.seed),
        *read_set(args.photos, PHOTOGRAPHS, args.seed),
    ]
    _, pipe = load_both("mini")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    sheet_of_strips([strip(pipe, s.image, args.seed) for s in samples]).save(args.out, optimize=True)


def draw_vlad(args: argparse.Namespace) -> None:
    """The sheet of the prompts, and the list of them."""
    from pipelines import load

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


def main() -> None:
    p = argparse.ArgumentParser(description="Draw a sample sheet.")
    p.add_argument("pipeline", nargs="?", choices=("vlad", "vlsa"), default="vlad")
    p.add_argument("--prompts", type=Path, default=HERE / "prompts" / "samples.txt", help="vlad")
    p.add_argument("--data", default="held-out", help="vlsa: posters, as for evaluation.vlsa")
    p.add_argument("--photos", default="held-out-photos", help="vlsa: photographs")
    p.add_argument("--out", type=Path, help="default assets/samples/<pipeline>.png")
    p.add_argument("--seed", type=int, default=0, help="seed of the first picture, or of the choice of images")
    args = p.parse_args()
    args.out = args.out or SAMPLES / f"{args.pipeline}.png"
    (draw_vlad if args.pipeline == "vlad" else draw_vlsa)(args)


if __name__ == "__main__":
    main()
