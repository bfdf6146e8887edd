"""Everything from nothing: data, all stages of VLAD and VLSA, and both folders of checkpoints, by one command.

    python -m training.everything --config gpu          # one GPU and many cores: planned for half an hour
    python -m training.everything --config cpu          # two CPU cores: see training/README.md
    python -m training.everything --config short        # both at full size, two steps a stage: a rehearsal
    python -m training.everything --config gpu --list   # what would be run
    python -m training.everything --config cpu --until vfe-publish    # that step and what it needs, and no others

Each step is one of the modules of training/README.md, with the lengths in OPTIONS. A step that has ended is not run
again, and one that was stopped goes on where it was, so the same command is given again after an interruption.
OUT/log.csv tells when each step began, how long it took and how it ended; OUT/logs has what each printed. Checkpoints
are written to OUT/checkpoints, beside those of the repository and not over them.
"""

from __future__ import annotations

import argparse
import csv
import os
import runpy
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import torch

from training.data.assets import default_path

CONFIGS = ("smoke", "short", "cpu", "gpu")
AMOUNTS = {  # pictures of each data set
    "smoke": {"posters": 6, "held-out": 6, "pages": 4, "shelves": 4, "photos": 4},
    "short": {"posters": 400, "held-out": 300, "pages": 60, "shelves": 60, "photos": 40},
    "cpu": {"posters": 38000, "held-out": 512, "pages": 14000, "shelves": 21000, "photos": 4000},
    "gpu": {"posters": 60000, "held-out": 512, "pages": 16000, "shelves": 24000, "photos": 6000},
}
# steps at a time: some are bound by the CPU, and no small model fills a GPU
JOBS = {"smoke": 1, "short": 1, "cpu": 1, "gpu": 3}
SHORTENED = " --steps 2 --batch 4 --eval-every 2"  # "short" is "cpu" with models of full size and hardly any training
EMBEDDED = 24000  # pictures of each data set that the language model meets on a GPU: one process cuts 150 a second
# Options of each stage. In "gpu" the learning rate falls within --minutes; stages that wait for one another have 20
# minutes together, which leaves ten of half an hour for data, embedding and the start of each process.
OPTIONS: dict[str, dict[str, str]] = {
    "autoencoder": {"gpu": "--minutes 2"},
    "sketch": {"gpu": "--minutes 1.5"},
    "align": {"gpu": "--minutes 2"},
    "tlg": {"gpu": "--minutes 1"},
    "vfe": {"cpu": "--limit 10000", "gpu": "--minutes 3 --limit 30000"},
    "vision": {"cpu": "--steps 800 --lr 5e-4", "gpu": "--minutes 1.5"},
    "vq": {"gpu": "--minutes 1.5"},
    "letters": {"cpu": "--steps 5600", "gpu": "--minutes 3"},
    "vlsa-1": {"cpu": "--steps 150", "gpu": "--minutes 0.4"},
    "vlsa-2-tower": {"cpu": "--steps 2900 --batch 64 --lr 8e-4", "gpu": "--minutes 1.8 --batch 512"},
    "vlsa-2": {"cpu": "--steps 1500 --talk 0.04 --denoised 0.04", "gpu": "--minutes 1.5 --talk 0.04 --denoised 0.04"},
    "vlsa-3": {"cpu": "--steps 1800 --batch 16 --lr 7e-4 --talk 0.5", "gpu": "--minutes 2 --talk 0.5"},
    "vlsa-1b": {
        "cpu": "--steps 2600 --batch 48 --lr 1e-3 --talk 0 --rebuilt 0.34",
        "gpu": "--minutes 1.8 --batch 256 --lr 1e-3 --talk 0 --rebuilt 0.34",
    },
    "chat-words": {"cpu": "--steps 1000 --lr 8e-4 --gain 3", "gpu": "--minutes 1 --lr 8e-4 --gain 3"},
    "told": {"gpu": "--minutes 0.3"},
    "chat": {"cpu": "--steps 1400 --batch 16 --gain 3", "gpu": "--minutes 2.5 --gain 3"},
    "rebuild": {"cpu": "--steps 300", "gpu": "--minutes 0.7"},
}
SHORT = "--kinds objects presence count short_caption background_colour --rows 2 --length 128 --cognition 0"
VLAD_PARTS = ("autoencoder", "sketch", "lora", "ccm", "vision", "tlg", "vfe")
VLSA_PARTS = ("vision", "perceiver", "epigone", "preview", "words", "denoiser", "lora")
EIGHT_BITS = {"vlad-mini": ("sketch", "vision"), "vlsa-mini": ("vision", "perceiver", "preview", "words", "lora")}


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: unique. needs: steps that have to end before it. module: what is run with `arguments`.
    """

    name: str
    needs: tuple[str, ...]
    module: str
    arguments: tuple[str, ...]

    @property
    def command(self) -> str:
        return f"python -m {self.module} {' '.join(self.arguments)}"


def steps(config: str, out: Path, data: Path, assets: Path | None = None, jobs: int | None = None) -> list[Step]:
    """All steps in an order in which they can be run one after the other.

    Args:
        config: one of CONFIGS. out: folder of runs and checkpoints. data: folder of the data sets; where it has the
        sources of photographs they are not fetched again. assets: asset cache that is there; None builds the default.
        jobs: steps at a time, which share the cores; None stands for those of the configuration.
    """
    found: list[Step] = []
    jobs = jobs or JOBS[config]
    vlad, vlsa = out / "checkpoints" / "vlad-mini", out / "checkpoints" / "vlsa-mini"
    amounts = AMOUNTS[config]
    kept = ("--assets", str(assets)) if assets else ()
    sets = {name: data / name for name in ("posters", "pages", "shelves", "photos")}
    held_out = data / "held-out"

    def add(name: str, needs: str, module: str, *arguments: str | Path) -> None:
        known = tuple(n for n in needs.split() if any(s.name == n for s in found))
        told = tuple(str(a) for part in arguments for a in (part.split() if isinstance(part, str) else [part]))
        found.append(Step(name, known, f"training.{module}", told))

    def stage(name: str, needs: str, module: str, *arguments: str | Path, assets_too: bool = False) -> None:
        own = "cpu" if config == "short" else config
        given = OPTIONS[name].get(own, "")
        if config == "short":  # what is said last counts
            given += SHORTENED
        if jobs > 1:
            given += f" --threads {max(1, (os.cpu_count() or 1) // jobs)}"
        more = kept if assets_too else ()
        add(name, needs, module, "--config", own, "--out", out / name, given, *arguments, *more)

    def publish(run: str, parts: Sequence[str], to: Path) -> None:
        add(f"{run}-publish", run, "checkpoints", out / run, " ".join(parts), "--to", to)

    if assets is None:
        add("assets", "", "data.build_assets")
        kept = ("--assets", str(default_path()))
    if config != "smoke" and not (data / "photo-sources" / "sources.json").exists():
        add("photo-sources", "assets", "data.build_photos", "--out", data / "photo-sources")
    workers = ("--workers", str(os.cpu_count() or 1 if config != "smoke" else 1))
    for name, module, seed, split in (
        ("posters", "dataset", 7, "train"), ("held-out", "dataset", 2, "test"), ("pages", "pages", 5, "train"),
        ("shelves", "shelves", 6, "train"),
    ):  # fmt: skip
        add(name, "assets", f"data.{module}", f"--n {amounts[name]} --seed {seed} --split {split}",
            "--out", data / name, *workers, *kept)  # fmt: skip
    sources = () if config == "smoke" else ("--sources", data / "photo-sources")
    add("photos", "assets photo-sources", "data.photos", f"--n {amounts['photos']} --seed 3 --split train",
        "--out", data / "photos", *sources, *kept)  # fmt: skip
    for name in (*sets, "held-out"):
        add(f"{name}-marks", name, "vlsa_data", "--data", data / name, *kept)
    marks = " ".join(f"{name}-marks" for name in (*sets, "held-out"))

    drawn = ("--data", sets["posters"], "--held-out", held_out, "--weights", vlad)
    stage("autoencoder", "posters held-out", "autoencoder", "--data", sets["posters"])
    publish("autoencoder", ["autoencoder"], vlad)
    stage("align", "posters held-out", "align", *drawn, assets_too=True)
    publish("align", ["lora", "ccm", "vision", "tlg"], vlad)
    stage("sketch", "autoencoder-publish align-publish", "sketch", "--weights", vlad, assets_too=True)
    publish("sketch", ["sketch"], vlad)
    stage("tlg", "align-publish", "tlg", *drawn, assets_too=True)
    publish("tlg", ["tlg"], vlad)
    stage("vfe", "sketch-publish tlg-publish", "vfe", *drawn, *workers, assets_too=True)
    publish("vfe", ["vfe"], vlad)

    many = ("--posters", sets["posters"], sets["pages"], sets["shelves"], "--held-out", held_out)
    shown = (*many, "--photos", sets["photos"])
    given = ("--weights", vlad, "--checkpoints", vlsa)
    stage("vq", "autoencoder-publish photos held-out", "vq", "--data", sets["posters"], "--held-out", held_out,
          "--photos", sets["photos"], "--weights", vlad)  # fmt: skip
    publish("vq", ["vq"], vlsa)
    stage("letters", marks, "vlsa_letters", *many)
    learned = "vfe-publish vq-publish letters"
    stage("vlsa-1", learned, "vlsa", "--stage 1 --reader", out / "letters", *shown, *given)
    stage("vlsa-2-tower", "vlsa-1", "vlsa", "--stage 2 --tower", *many, *given, "--earlier", out / "vlsa-1")
    stage("vlsa-2", "vlsa-2-tower", "vlsa", "--stage 2", *shown, *given, "--earlier", out / "vlsa-2-tower")
    stage("vlsa-3", "vlsa-2", "vlsa", "--stage 3", *shown, *given, "--earlier", out / "vlsa-2", *compiled(config))
    stage("vlsa-1b", "vlsa-3", "vlsa", "--stage 1", *shown, *given, "--earlier", out / "vlsa-3")
    seen = ("--run", out / "vlsa-1b", "--checkpoints", vlsa)
    for name, folder in sets.items():
        most = f"--limit {EMBEDDED}" if config == "gpu" else ""
        add(f"{name}-embedded", "vlsa-1b", "vlsa_embed", *seen, most, "--data", folder)
    add("held-out-embedded", "vlsa-1b", "vlsa_embed", *seen, "--plain", "--data", held_out)
    embedded = " ".join(f"{name}-embedded" for name in (*sets, "held-out"))
    stage("chat-words", embedded, "vlsa_chat", *many, "--names --boost 4", SHORT, *compiled(config),
          "--earlier", out / "vlsa-1b", "--language", out / "vlsa-3")  # fmt: skip
    stage("told", "chat-words", "vlsa_told", "--pictures", sets["posters"], sets["photos"], "--held-out", held_out,
          "--earlier", out / "chat-words", "--embedded", out / "vlsa-1b")  # fmt: skip
    stage("chat", "told", "vlsa_chat", *shown, "--rows 1 --length 208", *compiled(config),
          "--earlier", out / "told", "--embedded", out / "vlsa-1b")  # fmt: skip
    stage("rebuild", "chat", "vlsa", "--stage 3 --rebuild --rebuilt 1 --denoised 0.5", *shown, *given,
          "--earlier", out / "chat")  # fmt: skip
    publish("rebuild", VLSA_PARTS, vlsa)
    stage("vision", "rebuild-publish", "vision", "--posters", sets["posters"], "--held-out", held_out,
          "--weights", vlad, "--start", vlsa / "vision", assets_too=True)  # fmt: skip
    publish("vision", ["vision", "ccm"], vlad)
    for folder, last in ((vlad, "vision-publish"), (vlsa, "rebuild-publish vision")):
        parts = " ".join(EIGHT_BITS[folder.name])
        add(f"{folder.name}-8-bit", last, "checkpoints", "--requantise", folder, parts)
    return found


def needed(todo: Sequence[Step], last: str) -> list[Step]:
    """The step named `last` and those that it needs, in their order.

    Raises:
        ValueError: no step has that name.
    """
    names = {last}
    if all(s.name != last for s in todo):
        raise ValueError(f"There is no step {last!r}; steps are {', '.join(s.name for s in todo)}.")
    for step in reversed(todo):
        names |= set(step.needs) if step.name in names else set()
    return [s for s in todo if s.name in names]


def compiled(config: str) -> tuple[str, ...]:
    """Compiled layers pay where a stage takes longer than compiling them, which a GPU's minutes do not."""
    return ("--compile",) if config == "cpu" else ()


class Log:
    """OUT/log.csv, a row a step, written by one thread at a time."""

    fields = ("step", "began", "minutes", "exit", "command")

    def __init__(self, path: Path) -> None:
        self.path, self.lock = path, threading.Lock()

    def ended(self) -> set[str]:
        """Names of the steps that have ended well."""
        if not self.path.exists():
            return set()
        with self.path.open(newline="") as f:
            return {row["step"] for row in csv.DictReader(f) if row["exit"] == "0"}

    def write(self, step: Step, began: float, code: int) -> None:
        with self.lock:
            new = not self.path.exists()
            with self.path.open("a", newline="") as f:
                writer = csv.writer(f)
                if new:
                    writer.writerow(self.fields)
                at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(began))
                writer.writerow([step.name, at, f"{(time.time() - began) / 60:.2f}", code, step.command])


def launched(step: Step, folder: Path) -> int:
    """Run a step as a process of its own; what it prints goes to FOLDER/<step>.txt. Returns its exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{step.name}.txt").open("a") as f:
        return subprocess.run([sys.executable, "-m", step.module, *step.arguments], stdout=f, stderr=f).returncode


def called(step: Step, folder: Path) -> int:
    """Run a step inside this process, which saves importing everything once a step: for the tests."""
    del folder
    before, sys.argv = sys.argv, [step.module, *step.arguments]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # modules that others have imported already
            runpy.run_module(step.module, run_name="__main__")
    finally:
        sys.argv = before
    return 0


def run(todo: Sequence[Step], out: Path, jobs: int, start: Callable[[Step, Path], int] = launched) -> list[str]:
    """Run steps as soon as those that they need have ended, at most `jobs` at a time.

    Returns:
        names of the steps that failed; those that need them are not run.
    """
    out.mkdir(parents=True, exist_ok=True)
    log = Log(out / "log.csv")
    done, failed = log.ended(), []
    waiting = [s for s in todo if s.name not in done]
    running: dict[Future[int], tuple[Step, float]] = {}
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        while waiting or running:
            for step in [s for s in waiting if set(s.needs) <= done][: jobs - len(running)]:
                print(f"{time.strftime('%H:%M:%S')} {step.name}", flush=True)
                running[pool.submit(start, step, out / "logs")] = (step, time.time())
                waiting.remove(step)
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                step, began = running.pop(future)
                code = future.result()
                log.write(step, began, code)
                if code:
                    failed.append(step.name)
                else:
                    done.add(step.name)
    return failed


def main(arguments: Sequence[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--config", choices=CONFIGS, default="gpu" if torch.cuda.is_available() else "cpu")
    p.add_argument("--out", type=Path, default=Path("runs/everything"), help="runs, log and checkpoints")
    p.add_argument("--data", type=Path, default=Path(".cache/everything"), help="folder of the data sets")
    p.add_argument("--assets", type=Path, help="folder of an asset cache; default: build it where it is missing")
    p.add_argument("--jobs", type=int, help="steps at a time")
    p.add_argument("--until", metavar="STEP", help="run this step and those that it needs, e.g. vfe-publish for VLAD's")
    p.add_argument("--list", action="store_true", help="print the commands and run nothing")
    args = p.parse_args(arguments)
    there = (default_path() / "objects.json").exists()
    assets = args.assets or (default_path() if there else None)
    todo = steps(args.config, args.out, args.data, assets, args.jobs)
    if args.until:
        try:
            todo = needed(todo, args.until)
        except ValueError as e:
            raise SystemExit(str(e)) from None
    if args.list:
        print("\n".join(s.command for s in todo))
        return
    began = time.time()
    failed = run(todo, args.out, args.jobs or JOBS[args.config])
    if failed:
        named = ", ".join(f"{args.out / 'logs' / name}.txt" for name in failed)
        raise SystemExit(f"Stopped at {', '.join(failed)}: see {named}, then give the same command again to go on.")
    print(f"All steps ended after {(time.time() - began) / 60:.1f} minutes; checkpoints are in {args.out}/checkpoints.")


if __name__ == "__main__":
    main()
