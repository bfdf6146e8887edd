"""Measure VLSA: ask about held-out images, rebuild them, and compare codes and colours with what is predicted of them.

    python -m evaluation.vlsa --data held-out --out DIR [--limit K] [--seed S] [--ablate --variants DIR]
    python -m evaluation.vlsa --images FOLDER --out DIR

writes results.json, report.md, every answer (answers.jsonl), every picture's figures (pictures.jsonl) and the rebuilt
pictures to DIR, and prints the summary as the last line, in JSON. A run that was stopped goes on where it was when the
same command is given again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation import vlsa_chat, vlsa_data, vlsa_pictures
from evaluation.journal import Journal
from evaluation.vlsa_data import Sample
from pipelines.errors import UserError
from pipelines.vlsa.types import View

PARTS = ("chat", "reconstruction", "codes", "cognition")
REBUILT = "rebuilt"  # folder of the pictures inside DIR
ABSENT = {"note": "Not measured."}


@dataclass(frozen=True)
class Settings:
    """What one run measures.

    Attributes:
        seed: decides questions, choices and noise.
        per_kind: most questions of each main kind (see `evaluation.vlsa_chat.plan`).
        pictures: most images of each set that are rebuilt and whose codes are taken; None for all.
        kinds: the only kinds of question that are asked; () for all.
    """

    seed: int = 0
    per_kind: int = 120
    pictures: int | None = 128
    preset: str = "mini"
    kinds: tuple[str, ...] = ()


class Evaluation:
    """Measures sets of images into a folder; what is in the folder's journals is not measured again.

    Args:
        pipe: a `VlsaPipeline`.
        run: what every figure depends on; another run starts afresh.
    """

    def __init__(self, pipe: Any, out: str | Path, settings: Settings, run: dict[str, Any]) -> None:
        self.pipe, self.out, self.settings = pipe, Path(out), settings
        (self.out / REBUILT).mkdir(parents=True, exist_ok=True)
        self.answers = Journal(self.out / "answers.jsonl", run)
        self.pictures = Journal(self.out / "pictures.jsonl", run)
        self._seen: tuple[str, View] | None = None

    def view(self, sample: Sample) -> View:
        """The view of an image; the latest is kept, because questions come image by image.

        Raises:
            BadImage: a file that cannot be opened.
        """
        if self._seen is None or self._seen[0] != sample.name:
            self._seen = (sample.name, self.pipe.view(sample.image))
        return self._seen[1]

    # ---- chat

    def ask(self, samples: Sequence[Sample], questions: Sequence[vlsa_chat.Question]) -> list[dict[str, Any]]:
        """Records of all questions, in their order."""
        found = []
        for i, q in enumerate(questions):
            if q.key not in self.answers or self.answers[q.key]["question"] != q.question:
                reply = vlsa_chat.answer(self.pipe, self.view(samples[q.sample]), q.question)
                record = self.answers.add(q.key, {**vlsa_chat.record(q, reply), "sample": samples[q.sample].name})
                say(f"[chat] {i + 1}/{len(questions)} {q.question} -> {record['answer']}")
            record = self.answers[q.key]
            found.append({**record, "expected": q.answer, "scores": vlsa_chat.score(q, record["answer"])})
        return found

    def captions(self, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """Asks for a caption of every image: name, caption; or error where it cannot be opened."""
        found = []
        for sample in samples:
            if sample.name not in self.answers:
                self.answers.add(sample.name, self._caption(sample))
            found.append({"name": sample.name, **self.answers[sample.name]})
        return found

    def _caption(self, sample: Sample) -> dict[str, Any]:
        try:
            view = self.view(sample)
        except UserError as e:
            return {"error": str(e)}
        return {"caption": vlsa_chat.answer(self.pipe, view, "Describe the image.").text, "notes": list(view.notes)}

    # ---- pictures

    def measure(self, samples: Sequence[Sample], parts: Sequence[str]) -> list[dict[str, Any]]:
        """Records of the pictures that can be opened, with "rebuilt", "codes" and "cognition" as asked for."""
        steps: dict[str, Callable[[View, Sample], Any]] = {
            "reconstruction": lambda v, s: vlsa_pictures.rebuild(self.pipe, v, self._stem(s), self.settings.seed),
            "codes": lambda v, s: vlsa_pictures.codes(self.pipe, v, self._stem(s)),
            "cognition": lambda v, s: vlsa_pictures.cognition(self.pipe, v, self._random(s)),
        }
        wanted = [p for p in steps if p in parts or (p == "codes" and "cognition" in parts)]
        found = []
        for i, sample in enumerate(samples):
            record: dict[str, Any] | None = {"name": sample.name}
            for part in wanted:
                record = self._part(record, sample, part, steps[part])
            if record is not None:
                found.append(record)
            say(f"[pictures] {i + 1}/{len(samples)} {sample.name}")
        return found

    def _part(
        self, record: dict[str, Any] | None, sample: Sample, part: str, step: Callable[[View, Sample], Any]
    ) -> dict[str, Any] | None:
        """The record with one more part; None when the image cannot be opened."""
        name, key = ("rebuilt" if part == "reconstruction" else part), f"{part}/{sample.name}"
        if record is None:
            return None
        if key not in self.pictures:
            try:
                view = self.view(sample)
            except UserError as e:
                say(f"[pictures] {sample.name}: {e}")
                return None
            self.pictures.add(key, {name: step(view, sample)})
        return record | self.pictures[key]

    def _stem(self, sample: Sample) -> Path:
        return self.out / REBUILT / sample.name

    def _random(self, sample: Sample) -> random.Random:
        return random.Random(f"vertices:{self.settings.seed}:{sample.name}")


def say(line: str) -> None:
    """Progress, on stderr: stdout has the summary alone."""
    print(line, file=sys.stderr, flush=True)


def find_features() -> Any:
    """The network of the Fréchet distance, or None where its packages are not installed."""
    try:
        from evaluation.features import Features

        return Features()
    except ImportError:
        say("EfficientNet-Lite0 is not installed; Fréchet distances are left out.")
        return None


def summarise_pictures(
    records: Sequence[dict[str, Any]], folder: Path, parts: Sequence[str], features: Any
) -> dict[str, Any]:
    """The figures of one set; ABSENT for a part that was not asked for."""
    found = {name: dict(ABSENT) for name in ("reconstruction", "codes", "cognition")}
    if "reconstruction" in parts:
        found["reconstruction"] = vlsa_pictures.summarise_rebuilt(records, folder, features)
    if "codes" in parts or "cognition" in parts:
        found["codes"] = vlsa_pictures.summarise_codes(records)
    if "cognition" in parts:
        found["cognition"] = vlsa_pictures.summarise_cognition(records)
    return found


def evaluate(
    evaluation: Evaluation,
    sets: dict[str, list[Sample]],
    parts: Sequence[str] = PARTS,
    assets: Any = None,
    features: Any = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """All figures of sets of posters and photographs, and the worst answers.

    Args:
        sets: name ("posters", "photographs") -> images.
        assets: `training.data.assets.Assets`; needed for chat.
        features: see `find_features`.
    """
    summary: dict[str, Any] = {"sets": {name: len(samples) for name, samples in sets.items()}}
    worst: list[dict[str, Any]] = []
    if "chat" in parts:
        samples = [s for group in sets.values() for s in group]
        questions = vlsa_chat.plan(samples, evaluation.settings.per_kind, evaluation.settings.seed, assets)
        kinds = evaluation.settings.kinds
        asked = [q for q in questions if not kinds or q.kind.removeprefix("photo ") in kinds]
        records = evaluation.ask(samples, asked)
        summary["chat"], worst = vlsa_chat.summarise(records), vlsa_chat.worst(records)
    for name, group in sets.items():
        measured = evaluation.measure(group[: evaluation.settings.pictures], parts)
        summary[name] = summarise_pictures(measured, evaluation.out / REBUILT, parts, features)
    return summary, worst


def evaluate_images(evaluation: Evaluation, samples: Sequence[Sample], features: Any = None) -> dict[str, Any]:
    """Reconstruction, codes and a caption of any images; nothing else is known of them."""
    parts = ("reconstruction", "codes")
    measured = evaluation.measure(samples, parts)
    figures = summarise_pictures(measured, evaluation.out / REBUILT, parts, features)
    by_name = {r["name"]: r for r in measured}
    rows = [{**c, **_row(by_name.get(c["name"]))} for c in evaluation.captions(samples)]
    return {"sets": {"images": len(samples)}, "images": figures, "captions": rows}


def _row(record: dict[str, Any] | None) -> dict[str, Any]:
    """PSNR of an image's reconstructions and of its codes."""
    if record is None:
        return {}
    stages = record["rebuilt"]["full"]
    return {f"psnr_{name}": stages[name]["psnr"] for name in stages} | {"psnr_vq": record["codes"]["psnr"]}


def about_run(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """Everything a figure is published with; `run` decides whether records of an earlier run still hold."""
    from evaluation.environment import checkpoint, machine

    data = {"images": args.images} if args.images else {"data": args.data, "photos": args.photos}
    names = {name: checkpoint(args.preset, pipeline=name) for name in ("vlsa", "vlad")}
    return {
        "pipeline": "vlsa",
        "run": {**data, "seed": settings.seed, "checkpoint": names["vlsa"], "shared_parts": names["vlad"]},
        "settings": {**asdict(settings), "limit": args.limit},
        "parts": list(args.parts),
        "command": "python -m evaluation.vlsa " + " ".join(sys.argv[1:]),
        "perceptual": vlsa_pictures.PERCEPTUAL,
        "features": "EfficientNet-Lite0",
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d"),
    }


def write(out: Path, about: dict[str, Any], summary: dict[str, Any], worst: Sequence[dict[str, Any]]) -> None:
    """results.json and report.md."""
    from evaluation.report import report

    data = {"about": about, "summary": summary, "worst": list(worst)}
    temporary = out / "results.json.part"
    temporary.write_text(json.dumps(data, ensure_ascii=False, indent=1), "utf-8")
    os.replace(temporary, out / "results.json")
    (out / "report.md").write_text(report([data]), "utf-8")


def sets_of(args: argparse.Namespace) -> dict[str, list[Sample]]:
    """The sets of a command; photographs by name are left out where they have not been made.

    Raises:
        UserError: a set is not there.
    """
    sets = {"posters": vlsa_data.read_set(args.data, args.limit, args.seed)}
    if args.photos != "none":
        try:
            sets["photographs"] = vlsa_data.read_set(args.photos, args.limit, args.seed)
        except UserError as e:
            if args.photos not in vlsa_data.NAMED:
                raise
            say(f"Photographs are left out. {e}")
    return sets


def load_assets() -> Any:
    """The asset cache that questions need.

    Raises:
        UserError: it is absent.
    """
    from training.data.assets import Assets

    try:
        return Assets()
    except FileNotFoundError as e:
        raise UserError(str(e)) from e


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m evaluation.vlsa", description=(__doc__ or "").split("\n")[0])
    named = ", ".join(vlsa_data.NAMED)
    p.add_argument("--data", default="held-out", help=f"posters: a folder of training.data.dataset, or one of {named}")
    p.add_argument("--photos", default="held-out-photos", help="photographs, in the same way; none leaves them out")
    p.add_argument("--images", help="measure the images of this folder instead: reconstruction, codes, captions")
    p.add_argument("--out", required=True, help="folder for results, report, answers and pictures")
    p.add_argument("--limit", type=int, help="only K images of each set, chosen by the seed")
    p.add_argument("--per-kind", type=int, default=Settings.per_kind, help="most questions of each main kind")
    p.add_argument("--kinds", nargs="+", default=[], help="the only kinds of question that are asked")
    p.add_argument("--pictures", type=int, default=Settings.pictures, help="most images of a set that are rebuilt")
    p.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="what is measured")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--ablate", action="store_true", help="add the rows of Table 3 from --variants")
    p.add_argument("--variants", help="folder with row2 ... row6, one training each")
    p.add_argument("--preset", default="mini")
    return p


def check(args: argparse.Namespace) -> None:
    """Raises: UserError: arguments that cannot be followed."""
    for name in ("limit", "per_kind", "pictures"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name.replace('_', '-')} is {value}; give at least 1.")
    if args.kinds:
        from training.data.questions import KINDS

        unknown = [kind for kind in args.kinds if kind not in KINDS]
        if unknown:
            raise UserError(f"--kinds {unknown[0]} is unknown; use some of {', '.join(KINDS)}.")
    if args.ablate and not args.variants:
        raise UserError("--ablate needs the folder of the trained variants; give it with --variants.")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The summary of a command, written to its folder.

    Raises:
        UserError: anything that a person can put right.
    """
    check(args)
    ablation = None
    if args.ablate:
        from evaluation.vlsa_ablation import read_rows

        ablation = read_rows(args.variants)
    settings = Settings(args.seed, args.per_kind, args.pictures, args.preset, tuple(args.kinds))
    images = vlsa_data.read_images(args.images, args.limit, args.seed) if args.images else []
    sets = {} if args.images else sets_of(args)
    assets = load_assets() if "chat" in args.parts and not args.images else None
    from pipelines import load_both

    _, pipe = load_both(args.preset)
    about = about_run(args, settings)
    evaluation = Evaluation(pipe, args.out, settings, about["run"])
    features = find_features() if args.images or "reconstruction" in args.parts else None
    worst: list[dict[str, Any]] = []
    if args.images:
        summary = evaluate_images(evaluation, images, features)
    else:
        summary, worst = evaluate(evaluation, sets, args.parts, assets, features)
    summary = {**summary, "ablation": ablation} if ablation else summary
    write(evaluation.out, about, summary, worst)
    return summary


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status; what goes wrong is one sentence on stderr."""
    args = parser().parse_args(argv)
    try:
        summary = run(args)
    except UserError as e:
        print(e, file=sys.stderr)
        return 1
    print(json.dumps(summary, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
