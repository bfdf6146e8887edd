"""The model card of VLSA's checkpoint folder, and its rows in the README, from what training and evaluation logged.

    python -m evaluation.vlsa_card checkpoints/vlsa-mini RESULTS.json ... BENCH.json [--readme README.md]

Only what stands between the markers `<!-- CARD -->` and `<!-- /CARD -->` of the card, and `<!-- VLSA FIGURES -->` and
`<!-- /VLSA FIGURES -->` of the README, is written anew.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation import vlsa_report
from evaluation.card import write_between
from evaluation.report import load, machine_line, number, report, table
from pipelines.errors import UserError

HEAD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
tags: [image-text-to-text, visual-question-answering, image-reconstruction, vq-vae]
---

# VLSA mini

An independent reimplementation of "Rethinking Modality Alignment in Multi Modal Large Language Models" (VLSA,
anonymous, under review), small enough for two CPU cores: an image of any size becomes 64 visual tokens that a small
language model talks about, from which the image is rebuilt and its VQ codes are predicted. The paper published neither
code nor weights; everything here was written and trained by this project, and its figures say nothing about the paper's
own model.

<!-- CARD: written by python -m evaluation.vlsa_card -->

<!-- /CARD -->
"""
DATA = """## Data

- Posters made by `training/data` (texts, objects and backgrounds of which everything is known), with questions and
  answers by `training/data/questions.py`: reading, presence with hard negatives, counting, colours, positions,
  captions. Questions of evaluation are about posters of held-out words, phrases, fonts, combinations of objects and
  photograph sources; a part of them is in phrasings that no training question has.
- Pages full of words and shelves full of objects (`training/data/pages.py`, `training/data/shelves.py`), with the same
  kinds of questions: a poster shows a dozen letters and one object or two, these show many at once.
- Real pictures by `training/data/photos.py` (places, materials, things) for the autoencoders and reconstruction, so
  that an image that is no poster does not come out as nonsense. Their sources are held out by the same rule.
"""
LICENCES = """## Licences

- These weights: Apache-2.0.
- SmolLM2-135M-Instruct (Apache-2.0) is the language model under the LoRA; it is not part of this folder.
- The vision encoder and the image diffusion model under reconstruction start from this project's own
  `checkpoints/vlad-mini` (Apache-2.0).
- Artwork, fonts, textures and photographs: `training/data/SOURCES.md` lists each with its licence; all allow this use.
- EfficientNet-Lite0 (Apache-2.0) measures distances in evaluation; nothing of it is in these weights.
"""
LIMITS = """## Limits

- It knows posters of the kind it was trained on. Of a photograph it can say roughly what place or material it shows; it
  does not recognise people, brands, charts or documents.
- 64 tokens hold an image's gist, not its detail: a rebuilt picture is alike in layout, colours and large letters, and
  small text comes out illegible. The picture is 256 x 256 whatever the image's size.
- An image of more than 16 tiles of 128 x 128 pixels is scaled down first, so fine print in a large scan is lost before
  anything is read.
- English questions, short answers. It has no knowledge of the world beyond what a language model of 135 million
  parameters holds, and it is not aligned for safety; do not rely on an answer that matters.
- Answers can be wrong with confidence: the tables above say how often, by kind of question.
"""


def runs(folder: Path) -> list[dict[str, Any]]:
    """run.json of every stage in the folder or below it, with its part's name, size and the last row of its log."""
    found = []
    for path in sorted(folder.rglob("run.json")):
        log, rows = path.with_name("log.csv"), []
        if log.is_file():
            with log.open() as f:
                rows = list(csv.DictReader(f))
        size = sum(p.stat().st_size for p in path.parent.glob("*.safetensors"))
        part = path.parent.relative_to(folder).as_posix()
        found.append(
            {
                **json.loads(path.read_text("utf-8")),
                "part": part,
                "megabytes": size / 1e6,
                "last": rows[-1] if rows else {},
            }
        )
    return found


def _measured(name: str) -> bool:
    return "held_out" in name or name.startswith(("psnr", "ssim")) or name.endswith("accuracy")


def training_table(folder: Path) -> str:
    """One row a part: size, length, hardware and the last held-out figures of its log."""
    rows = []
    for r in runs(folder):
        known = {k: v for k, v in r["last"].items() if v not in ("", "nan")}
        held_out = {k: v for k, v in known.items() if _measured(k)}
        held_out = held_out or {k: v for k, v in known.items() if k.startswith("exact_")}  # the language model alone
        metric = ", ".join(f"{k.replace('_', ' ')} {float(v):.3f}" for k, v in held_out.items())
        rows.append(
            [r["part"], r["megabytes"], *(r.get(k) for k in ("stage", "steps", "samples", "hours", "hardware")), metric]
        )
    head = ("Part", "MB", "Stage", "Steps", "Samples", "Hours of its stage", "Hardware", "Held-out figures at the end")
    return table(head, rows, digits=2)


def card(folder: Path, data: Sequence[dict[str, Any]]) -> str:
    """What stands between the markers of the card."""
    notes = folder / "NOTES.md"
    total = sum(p.stat().st_size for p in folder.rglob("*.safetensors")) / 1e6
    about = f"{total:.1f} MB of weights in all. Parts trained in one stage share its hours; `log.csv` has the curve."
    measured = report([d for d in data if "stages_ms" not in d], [d for d in data if "stages_ms" in d])
    parts = [DATA, "## Training", f"{about}\n\n{training_table(folder)}"]
    parts += [notes.read_text("utf-8").strip()] if notes.is_file() else []
    return "\n\n".join(p.strip() for p in (*parts, "## Measured", measured, LICENCES, LIMITS))


def summary(data: Sequence[dict[str, Any]]) -> str:
    """The figures that the README shows: everything that has an aim, and the ratios to the peer."""
    rows: list[list[Any]] = []
    for d in (d for d in data if "stages_ms" not in d and "posters" in d["summary"]):
        for name, aim, value, _, over in vlsa_report.aims(d["summary"]):
            if value is not None:  # parts may have been measured apart
                rows.append([name, number(value), aim, over])
    for d in (d for d in data if "stages_ms" in d):
        for name, aim, value, *_ in vlsa_report.bench_aims(d):
            rows.append([name, number(value, 2), aim, machine_line(d["machine"])])
        for peer in d.get("peers") or ():
            ratio = f"{peer['ratio_first_token']:.1f} times as long to the first token as ours"
            tiles = f"{peer['tiles']} tile{'s' * (peer['tiles'] > 1)} of 512 px"
            rows.append([f"{peer['name']}, {tiles}", ratio, "", "same run, same cores"])
    return table(("What", "Figure", "Aim", "How"), rows)


def write(folder: Path, data: Sequence[dict[str, Any]], readme: Path | None = None) -> None:
    """Write the card, and the rows of the README when it is given.

    Raises:
        UserError: a file lacks its markers.
    """
    path = folder / "README.md"
    if not path.is_file():
        path.write_text(HEAD, "utf-8")
    texts = [(path, card(folder, data), "CARD")]
    if readme:
        about = f"Everything measured, with protocol, seeds and limits, is in `{folder.as_posix()}/README.md`."
        texts.append((readme, f"{summary(data)}\n\n{about}", "VLSA FIGURES"))
    for file, text, name in texts:
        try:
            write_between(file, text, name)
        except ValueError as e:
            raise UserError(f"{file} has no markers <!-- {name} --> and <!-- /{name} -->; put them in first.") from e


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status; what goes wrong is one sentence on stderr."""
    p = argparse.ArgumentParser(prog="python -m evaluation.vlsa_card", description=(__doc__ or "").split("\n")[0])
    p.add_argument("folder", type=Path)
    p.add_argument("files", nargs="*", type=Path, help="results.json of evaluation.vlsa and bench JSON files")
    p.add_argument("--readme", type=Path, help="README whose rows are written anew")
    args = p.parse_args(argv)
    try:
        write(args.folder, [load(f) for f in args.files], args.readme)
    except UserError as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
