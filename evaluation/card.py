"""The model card of a checkpoint folder, written from what training and evaluation logged.

python -m evaluation.card checkpoints/vlad-mini RESULTS.json ... BENCH.json
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from evaluation.report import load, report, table

PARTS = ("autoencoder", "sketch", "lora", "ccm", "vision", "tlg", "vfe")
HEAD = """---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
tags: [text-to-image, layout, text-rendering, diffusion]
---

# VLAD mini

An independent reimplementation of "Hierarchical Vision-Language Alignment for Text-to-Image Generation via
Diffusion Models" (arXiv 2501.00917), small enough for two CPU cores: 256 px, prompt to layout to image. The paper
published neither code nor weights; everything here was written and trained by this project, and its figures say
nothing about the paper's own model.
"""
DATA = """## Data

Posters made by `training/data` (17 kinds of scene, prompts with character-exact spans, 256 px) from artwork, fonts,
textures, photographs and word lists of npm, Debian and PyPI packages whose licences allow it;
`training/data/SOURCES.md` lists each with its licence. Held out by stable hash: words, phrases, fonts, combinations
of objects and photograph sources. The text encoder under the LoRA is all-MiniLM-L6-v2 (Apache-2.0), which is not
part of this folder.
"""
LIMITS = """## Limits

- Objects are the {objects} drawings the sketch head has learned (emoji art in three styles); what it has not
  learned comes out as
  a blend of neighbours in meaning. It draws illustrations, not photographs; people and faces are icons.
- Photographic backgrounds are soft: the sketch head knows a few dozen places and materials.
- Text is set in the fonts of `assets/fonts` (Latin, Greek, Cyrillic); a character that none covers gives a warning.
- From pure noise (start 1, or without hierarchical guidance) the denoiser alone does not write legibly: the canvas
  does.
- English prompts; the decomposition is a grammar, so unusual phrasing may be read wrongly. The app shows what was read.
"""


def runs(folder: Path) -> list[dict[str, Any]]:
    """run.json of every part with the last row of its log."""
    out = []
    for part in PARTS:
        path = folder / part / "run.json"
        if path.exists():
            with (folder / part / "log.csv").open() as f:
                last = list(csv.DictReader(f))[-1]
            size = (folder / part / "model.safetensors").stat().st_size
            out.append({**json.loads(path.read_text()), "part": part, "last": last, "megabytes": size / 1e6})
    return out


def training_table(folder: Path) -> str:
    rows = []
    for r in runs(folder):
        held_out = {k: v for k, v in r["last"].items() if "held_out" in k or k in ("chance", "canvas_psnr")}
        metric = ", ".join(f"{k.replace('_', ' ')} {float(v):.3f}" for k, v in held_out.items())
        rows.append([r["part"], r["megabytes"], r["steps"], r["samples"], r["hours"], r["hardware"], metric])
    head = ("Part", "MB", "Steps", "Samples", "Hours of its stage", "Hardware", "Held-out metric at the end")
    return table(head, rows, digits=2)


def card(folder: Path, files: list[Path]) -> str:
    data = [load(f) for f in files]
    measured = report([d for d in data if "stages_ms" not in d], [d for d in data if "stages_ms" in d])
    notes = folder / "NOTES.md"
    parts = [
        HEAD,
        DATA,
        "## Training\n",
        "Parts trained in one stage share its hours. `log.csv` in each folder has the curve.\n",
    ]
    parts += [training_table(folder) + "\n"]
    if notes.exists():
        parts.append(notes.read_text("utf-8"))
    objects = json.loads((folder.parents[1] / "assets" / "lexicon.json").read_text("utf-8"))
    parts += ["## Measured\n", measured.replace("### ", "### "), LIMITS.format(objects=f"{len(objects):,}")]
    return "\n".join(parts)


def main() -> None:
    p = argparse.ArgumentParser(description="Write the model card of a checkpoint folder.")
    p.add_argument("folder", type=Path)
    p.add_argument("files", nargs="*", type=Path, help="results.json and bench JSON files")
    args = p.parse_args()
    (args.folder / "README.md").write_text(card(args.folder, args.files), "utf-8")


if __name__ == "__main__":
    main()
