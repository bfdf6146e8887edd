"""The model card of a checkpoint folder, written from what training and evaluation logged.

python -m evaluation.card checkpoints/vlad-mini RESULTS.json ... BENCH.json [--sweep FILE] [--readme README.md]
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from evaluation.report import load, machine_line, number, report, table

TIMES = ("layout", "image", "total")
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

Posters made by `training/data` (20 kinds of scene, prompts with character-exact spans, 256 px) from artwork, fonts,
textures, photographs and word lists of npm, Debian and PyPI packages whose licences allow it;
`training/data/SOURCES.md` lists each with its licence. Held out by stable hash: words, phrases, fonts, combinations
of objects and photograph sources. The text encoder under the LoRA is all-MiniLM-L6-v2 (Apache-2.0), which is not
part of this folder.
"""
LIMITS = """## Limits

- It knows the {objects} objects of `assets/lexicon.json`, as emoji art in three styles; a name it has not learned takes
  the nearest learned one's drawing. It draws illustrations, not photographs; people and faces are icons.
- Photographic backgrounds are soft: the sketch head knows a few dozen places and materials.
- Text is set in the fonts of `assets/fonts` (Latin, Greek, Cyrillic); a character that none covers gives a warning.
- Letters come from the layout canvas: without hierarchical guidance the denoiser alone draws neither text nor objects.
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


def sweep_table(path: Path) -> str:
    """Starts and steps of the second stage, from `evaluation.sweep`."""
    data = json.loads(path.read_text("utf-8"))
    rows = [
        [r["start"], r["steps"], r.get("guidance"), r["psnr"], r["perceptual_distance"], r["ocr_f_literal"]]
        for r in data["rows"]
    ]
    head = ("Start t0", "Steps", "Guidance", "PSNR, dB", "Perceptual distance (EfficientNet-Lite0)", "OCR F, literal")
    about = f"{data['posters']} held-out posters, drawn from their own plans; start 0 is the canvas alone.\n\n"
    return about + table(head, rows)


def summary(data: list[dict[str, Any]]) -> str:
    """The few figures that the README shows."""
    rows: list[list[Any]] = []
    first = {Path(d["about"]["prompts_file"]).name: d for d in reversed(data) if "stages_ms" not in d}
    for d in (d for d in data if any(d is f for f in first.values())):
        s, name = d["summary"], Path(d["about"]["prompts_file"]).name
        for rule in ("literal", "normalised"):
            o = s["ocr"][rule]
            figures = f"F {number(o['f_measure'])}, accuracy {number(o['accuracy'])}"
            rows.append([f"OCR, {rule} rule", figures, f"{s['images']} images of {s['prompts']} prompts, {name}"])
        for r in s.get("ablation", []):
            retrieval = f"{number(r['retrieval_at_1'])} ({number(r['retrieval_without_letters'])} without letters)"
            figures = f"OCR F {number(r['ocr_f_literal'])}, retrieval@1 {retrieval}"
            rows.append([f"ablation: {r['label']}", figures, f"same prompts and seeds, {name}"])
    for d in (d for d in data if "stages_ms" in d):
        stages = d["stages_ms"]
        rows += [
            [f"time, {n}", f"{stages[n]['median']:.0f} ms", machine_line(d["machine"])] for n in TIMES if n in stages
        ]
        if "ratio" in d:
            rows.append([f"against {d['peer']['name']}", f"{d['ratio']:.1f} times faster", "same run, same cores"])
        rows.append(["peak memory", f"{d['fresh_process']['peak_rss_mb']:.0f} MB", "one process that plans and draws"])
    return table(("What", "Figure", "How"), rows)


def write_between(path: Path, text: str, name: str = "FIGURES") -> None:
    """Put text between the markers `<!-- NAME ... -->` and `<!-- /NAME -->` of a file.

    Raises:
        ValueError: the file has no such markers.
    """
    before, rest = path.read_text("utf-8").split(f"<!-- {name}", 1)
    opening, rest = rest.split("-->", 1)
    _, after = rest.split(f"<!-- /{name} -->", 1)
    path.write_text(f"{before}<!-- {name}{opening}-->\n\n{text}\n\n<!-- /{name} -->{after}", "utf-8")


def card(folder: Path, data: list[dict[str, Any]], sweep: Path | None) -> str:
    measured = report([d for d in data if "stages_ms" not in d], [d for d in data if "stages_ms" in d])
    notes = folder / "NOTES.md"
    objects = json.loads((folder.resolve().parents[1] / "assets" / "lexicon.json").read_text("utf-8"))
    parts = [
        HEAD,
        DATA,
        "## Training\n",
        "Parts trained in one stage share its hours; each folder's `log.csv` has the curve.\n",
    ]
    parts += [training_table(folder) + "\n"]
    if notes.exists():
        parts.append(notes.read_text("utf-8"))
    parts += ["## Measured\n", measured]
    if sweep:
        parts += ["### Where sampling starts\n", sweep_table(sweep) + "\n"]
    return "\n".join([*parts, LIMITS.format(objects=f"{len(objects):,}")])


def main() -> None:
    p = argparse.ArgumentParser(description="Write the model card of a checkpoint folder, and the README's figures.")
    p.add_argument("folder", type=Path)
    p.add_argument("files", nargs="*", type=Path, help="results.json and bench JSON files")
    p.add_argument("--sweep", type=Path, help="JSON of evaluation.sweep")
    p.add_argument("--readme", type=Path, help="README whose figures are written anew")
    args = p.parse_args()
    data = [load(f) for f in args.files]
    (args.folder / "README.md").write_text(card(args.folder, data, args.sweep), "utf-8")
    if args.readme:
        about = "Everything measured, with protocol, seeds and limits, is in `checkpoints/vlad-mini/README.md`."
        write_between(args.readme, f"{summary(data)}\n\n{about}")


if __name__ == "__main__":
    main()
