"""Measure VLAD: draw every prompt of a file, read the pictures back and score layouts, words, objects and colours.

    python -m evaluation.vlad --prompts FILE --out DIR --images N --seed S [--limit K] [--ablate]

writes 0000-0.png ..., 0000-layout.json and results.json to DIR and prints the summary as the last line, in JSON. A run
that was stopped goes on where it was when the same command is given again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluation import layout_metrics, metrics, ocr
from pipelines.errors import BadLayout, BadPrompt, UserError
from pipelines.types import Layout
from pipelines.vlad import word_scores
from pipelines.vlad.ocr import SETTINGS, RapidReader, Reader

HERE = Path(__file__).resolve().parent
HELD_OUT_PROMPTS = HERE / "prompts" / "held-out.txt"
SEEDS_PER_PROMPT = 100  # prompt i draws its images with seeds S + 100 i, S + 100 i + 1, ...
IMAGES_PER_CALL = 4


@dataclass(frozen=True)
class Variant:
    """One row of the ablation: the switches that differ from the full model."""

    key: str
    label: str
    use_ccm: bool = True
    hierarchical_guidance: bool = True
    start: float | None = None
    canvas_only: bool = False


FULL = Variant("full", "full model")
ABLATIONS = (
    Variant("no-ccm", "without CCM", use_ccm=False),
    Variant("no-hierarchical-guidance", "without hierarchical guidance", hierarchical_guidance=False),
)
CANVAS = Variant("canvas", "layout canvas alone, no second stage", canvas_only=True)
FROM_NOISE = Variant("from-noise", "full model from pure noise (start 1)", start=1.0)


@dataclass(frozen=True)
class Settings:
    """What one run draws; None = the pipeline's default."""

    images: int = 1
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    start: float | None = None
    size: int | None = None
    preset: str = "mini"
    engine: str = "rapidocr"

    def sampling(self, variant: Variant) -> dict[str, Any]:
        """Keyword arguments of `VladPipeline.generate`."""
        return {
            "steps": self.steps,
            "guidance": self.guidance,
            "start": variant.start if variant.start is not None else self.start,
            "size": self.size,
            "use_ccm": variant.use_ccm,
            "hierarchical_guidance": variant.hierarchical_guidance,
        }


def read_prompts(path: str | Path, limit: int | None = None) -> list[str]:
    """One prompt a line; empty lines and lines that start with # are left out.

    Raises:
        UserError: the file cannot be read or holds no prompt.
    """
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise UserError(f"The prompt file {path} cannot be read ({e}); give a UTF-8 text file.") from e
    prompts = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not prompts:
        raise UserError(f"The prompt file {path} holds no prompt; write one on each line.")
    return prompts[:limit]


def quoted_words(prompt: str) -> list[str]:
    """The words the picture must show: the parser's text parts split on white space, punctuation kept.

    [] for a prompt that the parser refuses.
    """
    from pipelines.vlad.prompt import understand

    try:
        parts = understand(prompt).parts
    except UserError:
        return []
    return [word for part in parts if part.kind == "text" for word in part.text.split()]


class Evaluation:
    """Draws and scores prompts into a folder, one record per prompt, so that a stopped run can go on.

    Args:
        pipe: a VladPipeline.
        reader: an OCR engine.
        out: folder of pictures and results.
        settings: seeds, sampling and counts.
        words_of: prompt -> words the picture must show.
    """

    def __init__(
        self,
        pipe: Any,
        reader: Reader,
        out: str | Path,
        settings: Settings,
        words_of: Callable[[str], list[str]] = quoted_words,
    ) -> None:
        self.pipe, self.reader, self.settings = pipe, reader, settings
        self.out = Path(out)
        self._words_of = words_of

    def folder(self, variant: Variant) -> Path:
        """Where a variant's pictures go: the full model's in `out` itself."""
        return self.out if variant.key == FULL.key else self.out / variant.key

    def run(
        self,
        prompts: Sequence[str],
        variant: Variant = FULL,
        earlier: Sequence[dict[str, Any]] = (),
        on_record: Callable[[list[dict[str, Any]]], None] = lambda records: None,
    ) -> list[dict[str, Any]]:
        """One record per prompt; records of an earlier run are taken over where prompt and pictures are still the same.

        `on_record` gets all records so far after each new one.
        """
        self.folder(variant).mkdir(parents=True, exist_ok=True)
        known = {(r["index"], r["prompt"]): r for r in earlier}
        records: list[dict[str, Any]] = []
        for index, prompt in enumerate(prompts):
            record = known.get((index, prompt))
            if record is None or not self._complete(record, variant):
                record = self._record(index, prompt, variant)
                records.append(record)
                on_record(records)
                print(_progress(record, len(prompts), variant), file=sys.stderr, flush=True)
            else:
                records.append(record)
        return records

    def _complete(self, record: dict[str, Any], variant: Variant) -> bool:
        """Whether everything a record speaks of is still on disk."""
        files = [i["file"] for i in record["images"] if i["file"]] + [record["layout"]] * bool(record["layout"])
        return all((self.folder(variant) / name).is_file() for name in files)

    def _record(self, index: int, prompt: str, variant: Variant) -> dict[str, Any]:
        """Draw and score one prompt; one that the pipeline refuses is recorded with its sentence and scored as empty.

        Raises:
            UserError: the run itself cannot go on (a setting out of range, no checkpoint).
        """
        record: dict[str, Any] = {
            "index": index,
            "prompt": prompt,
            "words": self._words_of(prompt),
            "seed": self.settings.seed + SEEDS_PER_PROMPT * index,
            "error": None,
            "layout": None,
            "layout_scores": None,
            "timings_ms": {},
            "images": [],
        }
        try:
            self._draw(record, variant)
        except (BadPrompt, BadLayout) as e:
            record["error"] = str(e)
        while len(record["images"]) < self.settings.images:
            record["images"].append(self._score(record, None))
        return record

    def _draw(self, record: dict[str, Any], variant: Variant) -> None:
        """Plan, save and draw; fills the record.

        Raises:
            UserError: the pipeline refuses the prompt or a setting.
        """
        began = time.perf_counter()
        layout = self.pipe.plan(record["prompt"], seed=record["seed"], use_ccm=variant.use_ccm)
        record["timings_ms"]["plan"] = round(1000 * (time.perf_counter() - began), 1)
        understanding = self.pipe.understand(record["prompt"])
        record["layout_scores"] = layout_metrics.score_layout(record["words"], understanding, layout)
        name = f"{record['index']:04d}-layout.json"
        (self.folder(variant) / name).write_text(json.dumps(layout.to_dict(), ensure_ascii=False, indent=1), "utf-8")
        record["layout"] = name
        asked = layout_metrics.asked_background(understanding)
        if variant.canvas_only:
            self._keep(record, variant, (self.pipe.draft(layout),) * self.settings.images, layout, asked)
        while (done := len(record["images"])) < self.settings.images:
            count = min(IMAGES_PER_CALL, self.settings.images - done)
            made = self.pipe.generate(
                layout, seed=record["seed"] + done, images=count, **self.settings.sampling(variant)
            )
            _add_timings(record["timings_ms"], made.timings_ms)
            self._keep(record, variant, made.images, layout, asked)

    def _keep(
        self, record: dict[str, Any], variant: Variant, images: Sequence[Image.Image], layout: Layout, asked: str | None
    ) -> None:
        """Save and score pictures; adds them to the record."""
        for image in images:
            k = len(record["images"])
            file = f"{record['index']:04d}-{k}.png"
            image.save(self.folder(variant) / file)
            record["images"].append(
                self._score(record, image, layout, asked) | {"file": file, "seed": record["seed"] + k}
            )

    def _score(
        self, record: dict[str, Any], image: Image.Image | None, layout: Layout | None = None, asked: str | None = None
    ) -> dict[str, Any]:
        """Everything that is read from one picture; None stands for a picture that could not be drawn."""
        words = self.reader.read(image) if image else []
        scores = word_scores.score_both(record["words"], [w.text for w in words])
        in_box = colour = None
        if image and layout:
            in_box = ocr.in_box(words, layout)
            colour = layout_metrics.background_colour(image, layout, asked) if asked else None
        return {
            "file": None,
            "seed": None,
            "read": [w.text for w in words],
            "read_boxes": [w.box.as_list() for w in words],
            **{name: score.to_dict() for name, score in scores.items()},
            "in_box": in_box,
            "colour": colour,
        }

    def pictures(self, records: Sequence[dict[str, Any]], variant: Variant) -> list[tuple[int, Image.Image]]:
        """(record index, picture) of everything that was drawn."""
        folder = self.folder(variant)
        return [
            (r["index"], Image.open(folder / i["file"]).convert("RGB"))
            for r in records
            for i in r["images"]
            if i["file"]
        ]

    def layout_of(self, record: dict[str, Any], variant: Variant) -> Layout:
        return Layout.from_json((self.folder(variant) / record["layout"]).read_text("utf-8"))


def _add_timings(total: dict[str, float], new: dict[str, float]) -> None:
    for name, value in new.items():
        total[name] = round(total.get(name, 0.0) + float(value), 1)


def _progress(record: dict[str, Any], count: int, variant: Variant) -> str:
    """A line for the terminal."""
    f = metrics.aggregate([word_scores.ImageScore(**i["literal"]) for i in record["images"]])["f_measure"]
    note = record["error"] or f"F {f:.2f}, asked {' '.join(record['words'])!r}"
    return f"[{variant.key}] {record['index'] + 1}/{count} {note}"


def summarise(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """OCR, layout and colour figures of one variant's records."""
    images = [i for r in records for i in r["images"]]
    worded = [i for r in records if r["words"] or r["error"] for i in r["images"]]  # else there is nothing to read
    columns = {
        name: metrics.aggregate([word_scores.ImageScore(**i[name]) for i in worded])
        for name in ("literal", "normalised")
    }
    return {
        "prompts": len(records),
        "images": len(images),
        "failed": sum(bool(r["error"]) for r in records),
        "prompts_without_words": sum(not r["words"] for r in records),
        "ocr": columns,
        "in_box": ocr.summarise_in_box([i["in_box"] for i in images if i["in_box"]]),
        "layout": layout_metrics.summarise_layouts([r["layout_scores"] for r in records if r["layout_scores"]]),
        "colour": layout_metrics.summarise_colours([i["colour"] for i in images if i["colour"]]),
        "timings_ms": _median_timings(records),
    }


def _median_timings(records: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Median per stage over the prompts, in milliseconds for all images of a prompt."""
    names = {n for r in records for n in r["timings_ms"]}
    return {
        n: round(float(np.median([r["timings_ms"][n] for r in records if n in r["timings_ms"]])), 1)
        for n in sorted(names)
    }


def retrieval(pipe: Any, prompts: Sequence[str], pictures: Sequence[tuple[int, Image.Image]]) -> dict[str, Any]:
    """retrieval@1 of the aligned encoder between all prompts that were drawn and all pictures, with letters counted on
    both sides; "without_letters" is the same for the tower alone.

    Args:
        pictures: (index of its prompt, picture).
    """
    drawn = sorted({owner for owner, _ in pictures})
    if not drawn:
        return {"note": "Not measured: no picture was drawn."}
    texts, images, owners = (
        [prompts[i] for i in drawn],
        [im for _, im in pictures],
        [drawn.index(i) for i, _ in pictures],
    )
    try:
        spelled, plain = (np.asarray(pipe.similarity(texts, images, letters=letters)) for letters in (True, False))
    except UserError as e:
        return {"note": f"Not measured: {e}"}
    found, alone = (metrics.retrieval_at_1(s, owners) for s in (spelled, plain))
    return {**found, "without_letters": alone["at_1"], "prompts": len(drawn), "images": len(pictures)}


def objects(evaluation: Evaluation, records: Sequence[dict[str, Any]], pictures: Any, seed: int) -> dict[str, Any]:
    """Recognisability of the drawn objects of the full model."""
    from evaluation.objects import score_objects

    layouts = {r["index"]: evaluation.layout_of(r, FULL) for r in records if r["layout"]}
    return score_objects([(image, layouts[i]) for i, image in pictures], seed=seed)


class Reference:
    """Held-out posters of the synthesiser: the truths that distance, retrieval and OCR of ours stand beside.

    Attributes:
        note: why there are none, or "".
    """

    def __init__(self, count: int, seed: int) -> None:
        from evaluation.truths import NoTruths, held_out

        self.note = ""
        try:
            from evaluation.features import Features

            self._network = Features()
            self.posters = held_out(count, seed)
            self._truth = self._network([p.image for p in self.posters])
        except (NoTruths, ImportError) as e:
            self.note = f"Not measured: {e}"

    def frechet(self, images: Sequence[Image.Image]) -> dict[str, Any]:
        """Fréchet distance of pictures to the truths, on EfficientNet-Lite0 features."""
        if self.note or len(images) < 2:
            return {"note": self.note or "Not measured: fewer than two pictures."}
        value = metrics.frechet_distance(self._network(images), self._truth)
        return {"distance": value, "features": "EfficientNet-Lite0", "images": len(images), "truths": len(self.posters)}

    def retrieval(self, pipe: Any, count: int) -> dict[str, Any]:
        """retrieval@1 on `count` held-out prompts and their truths: what the encoder reaches on real pairs."""
        if self.note:
            return {"note": self.note}
        posters = self.posters[:count]
        return retrieval(pipe, [p.prompt for p in posters], [(i, p.image) for i, p in enumerate(posters)])

    def ocr(self, reader: Reader, count: int) -> dict[str, Any]:
        """What the OCR engine reads of `count` true posters with text, for comparison."""
        if self.note:
            return {"note": self.note}
        scores = [
            word_scores.score_both([e.text for e in p.layout.texts], [w.text for w in reader.read(p.image)])
            for p in [p for p in self.posters if p.layout.texts][:count]
        ]
        columns = {name: metrics.aggregate([s[name] for s in scores]) for name in ("literal", "normalised")}
        return {**columns, "images": len(scores)}


def table_row(variant: Variant, summary: dict[str, Any]) -> dict[str, Any]:
    """One row of the ablation, in the form of the paper's Table II."""
    return {
        "variant": variant.key,
        "label": variant.label,
        "frechet": summary["frechet"].get("distance"),
        "retrieval_at_1": summary["retrieval"].get("at_1"),
        "retrieval_without_letters": summary["retrieval"].get("without_letters"),
        "retrieval_chance": summary["retrieval"].get("chance"),
        "ocr_f_literal": summary["ocr"]["literal"]["f_measure"],
        "ocr_f_normalised": summary["ocr"]["normalised"]["f_measure"],
        "ocr_accuracy_literal": summary["ocr"]["literal"]["accuracy"],
    }


class Results:
    """results.json: written after every prompt, taken over by the next run of the same command."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path = path
        self.data: dict[str, Any] = {"about": about, "summary": None, "prompts": [], "variants": {}}
        earlier = self._load()
        if earlier and earlier.get("about", {}).get("run") == about["run"]:
            self.data["prompts"] = earlier.get("prompts", [])
            self.data["variants"] = earlier.get("variants", {})

    def _load(self) -> dict[str, Any]:
        try:
            return json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}

    def records(self, variant: Variant) -> list[dict[str, Any]]:
        return self.data["prompts"] if variant.key == FULL.key else self.data["variants"].get(variant.key, [])

    def store(self, variant: Variant, records: list[dict[str, Any]]) -> None:
        if variant.key == FULL.key:
            self.data["prompts"] = list(records)
        else:
            self.data["variants"][variant.key] = list(records)
        self.save()

    def save(self) -> None:
        """Write to a neighbour file, then swap, so that a stop never leaves half a file."""
        temporary = self.path.with_suffix(".json.part")
        temporary.write_text(json.dumps(self.data, ensure_ascii=False, indent=1), "utf-8")
        os.replace(temporary, self.path)


def about_run(settings: Settings, reader: Reader, prompts_file: str) -> dict[str, Any]:
    """Everything a figure is published with; `run` decides whether records of an earlier run still hold."""
    from evaluation.environment import checkpoint, machine

    return {
        "run": {**asdict(settings), "engine": reader.name, "checkpoint": checkpoint(settings.preset)},
        "command": "python -m evaluation.vlad " + " ".join(sys.argv[1:]),
        "prompts_file": prompts_file,
        "ocr_rule": "MARIO-Eval: words as the prompt parser finds them, order ignored, means over images",
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d"),
    }


def evaluate(
    evaluation: Evaluation,
    prompts: Sequence[str],
    results: Results,
    variants: Sequence[Variant] = (FULL,),
    truths: int = 0,
) -> dict[str, Any]:
    """Draw and score all variants; returns the full model's summary with the ablation's rows."""
    pipe, seed = evaluation.pipe, evaluation.settings.seed
    reference = Reference(truths, seed) if truths else None
    absent = {"note": "Not measured: run with --truths N."}
    rows, summary = [], {}
    for variant in variants:
        earlier = results.records(variant)
        records = evaluation.run(prompts, variant, earlier, lambda done, v=variant: results.store(v, done))  # type: ignore[misc]
        results.store(variant, records)
        pictures = evaluation.pictures(records, variant)
        found = summarise(records)
        found["retrieval"] = retrieval(pipe, prompts, pictures)
        found["frechet"] = reference.frechet([image for _, image in pictures]) if reference else absent
        rows.append(table_row(variant, found))
        if variant.key == FULL.key:
            found["objects"] = objects(evaluation, records, pictures, seed)
            found["retrieval_of_truths"] = reference.retrieval(pipe, len(prompts)) if reference else absent
            found["retrieval_of_all_truths"] = reference.retrieval(pipe, truths) if reference else absent
            found["ocr_of_truths"] = reference.ocr(evaluation.reader, len(prompts)) if reference else absent
            summary = found
    summary["ocr"] = {"engine": evaluation.reader.name, **summary["ocr"]}
    if len(variants) > 1:
        summary["ablation"] = rows
    results.data["summary"] = summary
    results.save()
    return summary


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m evaluation.vlad", description=(__doc__ or "").split("\n")[0])
    p.add_argument("--prompts", default=str(HELD_OUT_PROMPTS), help="text file with one prompt a line")
    p.add_argument("--out", required=True, help="folder for pictures, layouts and results.json")
    p.add_argument("--images", type=int, default=1, help="images per prompt (MARIO-Eval draws 4)")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--limit", type=int, help="only the first K prompts")
    p.add_argument("--ablate", action="store_true", help="add the rows of Table II")
    p.add_argument("--from-noise", action="store_true", help="add a row drawn from pure noise (start 1)")
    p.add_argument("--canvas", action="store_true", help="add a row for the layout canvas alone")
    p.add_argument("--truths", type=int, help="held-out truths to compare with (default 256 with --ablate, else 0)")
    p.add_argument("--steps", type=int)
    p.add_argument("--guidance", type=float)
    p.add_argument("--start", type=float)
    p.add_argument("--size", type=int, help="side of the pictures in pixels, default the preset's")
    p.add_argument("--preset", default="mini")
    p.add_argument("--ocr", choices=sorted(SETTINGS), default="rapidocr", help="settings of the OCR engine")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status; what goes wrong is one sentence on stderr."""
    args = parser().parse_args(argv)
    try:
        prompts = read_prompts(args.prompts, args.limit)
        if args.images < 1:
            raise UserError(f"--images is {args.images}; draw at least one image per prompt.")
        import pipelines

        told = ("images", "seed", "steps", "guidance", "start", "size", "preset")
        fields = {name: getattr(args, name) for name in told}
        settings = Settings(engine=args.ocr, **fields)
        reader = RapidReader(args.ocr)
        evaluation = Evaluation(pipelines.load(args.preset), reader, args.out, settings)
        Path(args.out).mkdir(parents=True, exist_ok=True)
        results = Results(Path(args.out) / "results.json", about_run(settings, reader, args.prompts))
        variants = (FULL, *ABLATIONS * args.ablate, *(FROM_NOISE,) * args.from_noise, *(CANVAS,) * args.canvas)
        truths = args.truths if args.truths is not None else 256 * args.ablate
        summary = evaluate(evaluation, prompts, results, variants, truths)
    except UserError as e:
        print(e, file=sys.stderr)
        return 1
    print(json.dumps(summary, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
