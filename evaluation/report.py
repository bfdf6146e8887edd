"""Results as Markdown: ours beside the paper's rows, with the difference in protocol named in the same line. Of several
runs over the same prompts the first is told in full, and the ablation of all of them with its spread.

python -m evaluation.report results.json [bench.json ...] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation import vlsa_report
from pipelines.errors import UserError

PAPER_PROTOCOL = "as the paper reports it: MARIO-Eval's own prompts, another OCR engine"
PAPER_TABLE_1 = (  # method, accuracy, precision, recall, F
    ("TextDiffuser", 0.571, 0.780, 0.750, 0.764),
    ("ARTIST", 0.737, 0.868, 0.868, 0.868),
    ("VLAD, the paper", 0.756, 0.877, 0.880, 0.879),
)
PAPER_TABLE_2 = (  # variant, FID, CLIP score, OCR F
    ("the paper: without CCM", 39.12, 0.342, 0.812),
    ("the paper: without hierarchical guidance", 37.45, 0.345, 0.835),
    ("the paper: full model", 35.12, 0.352, 0.879),
)


def number(value: Any, digits: int = 3) -> str:
    """A figure as text; "–" for what was not measured."""
    if value is None:
        return "–"
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], digits: int = 3) -> str:
    """A Markdown table; figures are right-aligned."""
    aligned = ["---"] + ["---:" if _is_figure(rows, i) else "---" for i in range(1, len(head))]
    lines = [head, aligned, *[[number(v, digits) for v in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _is_figure(rows: Sequence[Sequence[Any]], column: int) -> bool:
    return any(isinstance(row[column], (int, float)) for row in rows)


def protocol(data: dict[str, Any]) -> str:
    """Prompts, images, engine, checkpoint and seed of a run in one phrase."""
    about, summary = data["about"], data["summary"]
    run = about["run"]
    prompts = f"{summary['prompts']} prompts of {Path(about['prompts_file']).name}"
    stamp = f"{run['checkpoint']['name']} {run['checkpoint']['sha256'] or ''}".strip()
    return f"{prompts}, {run['images']} image(s) each, seed {run['seed']}, {run['engine']}, {stamp}"


def ocr_table(results: Sequence[dict[str, Any]]) -> str:
    """The OCR columns of the paper's Table I."""
    rows: list[list[Any]] = [[*row, PAPER_PROTOCOL] for row in PAPER_TABLE_1]
    for data in results:
        for column, label in (("literal", "ours, literal rule"), ("normalised", "ours, edge punctuation stripped")):
            s = data["summary"]["ocr"][column]
            figures = [s[name] for name in ("accuracy", "precision", "recall", "f_measure")]
            rows.append([label, *figures, protocol(data)])
        truths = data["summary"].get("ocr_of_truths", {}).get("literal")
        if truths:
            figures = [truths[name] for name in ("accuracy", "precision", "recall", "f_measure")]
            rows.append(
                [
                    "true posters, read by the same engine, literal rule",
                    *figures,
                    "for comparison: their text is smaller and in more fonts",
                ]
            )
    return table(("Method", "Accuracy", "Precision", "Recall", "F", "Protocol"), rows)


def ablation_table(data: dict[str, Any]) -> str:
    """The form of the paper's Table II. Distances and similarities are other quantities than the paper's."""
    rows: list[list[Any]] = [
        [label, f"{fid} FID", f"{clip} CLIP score", f, PAPER_PROTOCOL] for label, fid, clip, f in PAPER_TABLE_2
    ]
    for row in data["summary"].get("ablation", []):
        frechet = number(row["frechet"], 2) + " Fréchet distance on EfficientNet-Lite0 features"
        alone, chance = number(row["retrieval_without_letters"]), number(row["retrieval_chance"])
        retrieval = f"{number(row['retrieval_at_1'])} retrieval@1 ({alone} without letters, chance {chance})"
        rows.append([f"ours: {row['label']}", frechet, retrieval, row["ocr_f_literal"], protocol(data)])
    return table(("Variant", "Distance to truths", "Image against prompt", "OCR F, literal", "Protocol"), rows)


SPREAD = (
    ("frechet", "Fréchet distance on EfficientNet-Lite0 features", 2),
    ("retrieval_at_1", "Retrieval@1", 3),
    ("retrieval_without_letters", "the same without letters", 3),
    ("ocr_f_literal", "OCR F, literal", 3),
)


def spread_table(runs: Sequence[dict[str, Any]]) -> str:
    """The ablation over runs that differ in their seed: mean, and least to greatest."""
    rows: list[list[Any]] = []
    by_run = [{row["variant"]: row for row in data["summary"]["ablation"]} for data in runs]
    for key, first in by_run[0].items():
        cells = [spread([found[key][name] for found in by_run], digits) for name, _, digits in SPREAD]
        rows.append([first["label"], *cells])
    return table(("Variant", *(label for _, label, _ in SPREAD)), rows)


def spread(values: Sequence[float | None], digits: int = 3) -> str:
    """Mean (least to greatest) as text; "–" where one was not measured."""
    known = [v for v in values if v is not None]
    if len(known) < len(values) or not known:
        return "–"
    mean, least, most = (number(float(v), digits) for v in (sum(known) / len(known), min(known), max(known)))
    return f"{mean} ({least} to {most})"


LAYOUT_ROWS = (
    ("words_covered", "quoted words that a text box holds"),
    ("inside_canvas", "texts and objects inside the canvas"),
    ("overlap_mean_iou", "mean pairwise overlap (IoU) of texts and objects"),
    ("overlap_free", "pairs of texts and objects that do not overlap"),
    ("aspect_fit", "fit of a text box's proportions to its length"),
    ("reading_order", "consecutive texts in reading order"),
    ("relations_obeyed", "spatial relations obeyed (GenEval's position rule)"),
    ("places_obeyed", "places named in the prompt obeyed"),
    ("counts_obeyed", "object counts obeyed"),
    ("counts_of_several_obeyed", "object counts of two and more obeyed"),
)


def layout_table(summary: dict[str, Any]) -> str:
    """Scores of the plan alone, with how many things were asked for."""
    layout = summary["layout"]
    asked = {k.replace("_asked", "_obeyed"): v for k, v in layout.items() if k.endswith("_asked")}
    rows = [[text, layout[key], asked.get(key, "")] for key, text in LAYOUT_ROWS]
    return table(("Layout", "Figure", "Asked"), rows)


def without(retrieval: dict[str, Any]) -> str:
    """The figure of the tower alone, in words."""
    return f"{number(retrieval.get('without_letters'))} without letters"


def picture_table(summary: dict[str, Any]) -> str:
    """Scores of the pictures beside words and layout."""
    in_box, colour = summary["in_box"], summary["colour"]
    objects, retrieval = summary.get("objects", {}), summary["retrieval"]
    ceiling = objects.get("ceiling", {})
    known = f"{objects.get('crops', 0)} crops, {objects.get('classes', 0)} classes"
    limit = f"{known}; classifier on real composites {number(ceiling.get('top1'))}"
    counts = objects.get("counts", {})
    numbers = (f"{number(v['right'], 2)} of {v['asked']} times {n}" for n, v in counts.get("by_number", {}).items())
    asked = ", ".join(numbers) or "none asked"
    truths, every = summary.get("retrieval_of_truths", {}), summary.get("retrieval_of_all_truths", {})
    among = f"among {every.get('prompts')}, chance {number(every.get('chance'))}; {without(every)}"
    chance = f"chance {number(retrieval.get('chance'))}; {without(retrieval)}"
    rows = [
        ["text read in its box, exact", in_box["exact"], f"{in_box['boxes']} boxes, case ignored"],
        ["the same, edge punctuation stripped", in_box["exact_normalised"], ""],
        ["normalised edit distance in the box", in_box["edit_distance"], "0 = equal"],
        ["images without a word outside the boxes", in_box["images_without_stray_words"], ""],
        ["background colour obeyed", colour["obeyed"], f"{colour['images']} images whose prompt names one"],
        ["objects recognised, top-1", objects.get("top1"), objects.get("note") or limit],
        ["objects recognised, top-5", objects.get("top5"), f"real composites {number(ceiling.get('top5'))}"],
        ["counts up to four drawn right", counts.get("right"), asked],
        ["retrieval@1", retrieval.get("at_1"), retrieval.get("note") or chance],
        ["retrieval@1 of held-out truths", truths.get("at_1"), truths.get("note", f"as many; {without(truths)}")],
        ["the same among all truths", every.get("at_1"), every.get("note", among)],
    ]
    return table(("Pictures", "Figure", "Note"), rows)


def bench_table(data: dict[str, Any]) -> str:
    """Milliseconds per stage of ours and of the peer, then memory and cold starts."""
    rows = [[f"ours: {name}", s["median"], s["p95"]] for name, s in data["stages_ms"].items()]
    peer = data.get("peer")
    if peer:
        rows += [[f"peer: {name}", s["median"], s["p95"]] for name, s in peer["stages_ms"].items()]
    text = table(("Stage", "Median, ms", "95th percentile, ms"), rows, digits=1)
    fresh, server = data["fresh_process"], data["server"]
    facts = [
        f"peak resident memory {number(fresh.get('peak_rss_mb'), 0)} MB",
        f"import and load {number(fresh.get('import_and_load_s'), 1)} s",
        f"server ready after {number(server.get('server_ready_s'), 1)} s",
    ]
    if peer:
        facts.append(f"{data['ratio']:.1f} times faster than the {peer['name']}")
    return f"{text}\n\n{'; '.join(facts)}. {machine_line(data['machine'])}"


def machine_line(machine: dict[str, Any]) -> str:
    versions = f"torch {machine['versions']['torch']}, {machine['torch_threads']} threads"
    return f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {versions}."


def report(results: Sequence[dict[str, Any]], benches: Sequence[dict[str, Any]] = ()) -> str:
    """The whole report in Markdown: VLAD's results and bench, then VLSA's."""
    ours = [d for d in results if d["about"].get("pipeline") == "vlsa"]
    times = [d for d in benches if d.get("pipeline") == "vlsa"]
    results, benches = [d for d in results if d not in ours], [d for d in benches if d not in times]
    parts = []
    told: dict[str, list[dict[str, Any]]] = {}
    for data in results:
        told.setdefault(Path(data["about"]["prompts_file"]).name, []).append(data)
    if told:
        parts += ["### Text in the picture (Table I's columns)", ocr_table([runs[0] for runs in told.values()])]
    for name, runs in told.items():
        data = runs[0]
        parts += [f"### Layout and pictures, {name}", f"{protocol(data)}.", layout_table(data["summary"])]
        parts += [picture_table(data["summary"]), machine_line(data["about"]["machine"])]
        if data["summary"].get("ablation"):
            parts += [f"### Ablation (Table II's form), {name}", ablation_table(data)]
        several = [d for d in runs if d["summary"].get("ablation")]
        if len(several) > 1:
            seeds = ", ".join(str(d["about"]["run"]["seed"]) for d in several)
            parts += [
                f"### The same over {len(several)} seeds ({seeds}): mean, least to greatest",
                spread_table(several),
            ]
    for data in benches:
        parts += ["### Speed and memory", bench_table(data)]
    for data in ours:
        parts += vlsa_report.sections(data)
    for data in times:
        parts += ["### Speed and memory of VLSA", vlsa_report.bench_table(data)]
    return "\n\n".join(parts) + "\n"


def load(path: str | Path) -> dict[str, Any]:
    """A results.json or the JSON of the bench.

    Raises:
        UserError: the file is absent, is not one of the two, or its run was stopped before the summary.
    """
    try:
        data = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise UserError(f"{path} cannot be read as results ({e}); give the file that an evaluation wrote.") from e
    if not isinstance(data, dict) or not ("stages_ms" in data or data.get("summary")):
        raise UserError(f"{path} holds no summary; run the evaluation to its end first.")
    return data


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status; what goes wrong is one sentence on stderr."""
    p = argparse.ArgumentParser(prog="python -m evaluation.report", description=(__doc__ or "").split("\n")[0])
    p.add_argument("files", nargs="+", help="results.json and bench JSON files")
    p.add_argument("--out", help="write the Markdown to this file")
    args = p.parse_args(argv)
    try:
        data = [load(f) for f in args.files]
    except UserError as e:
        print(e, file=sys.stderr)
        return 1
    text = report([d for d in data if "stages_ms" not in d], [d for d in data if "stages_ms" in d])
    if args.out:
        Path(args.out).write_text(text, "utf-8")
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
