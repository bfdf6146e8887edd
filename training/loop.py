"""One training loop for every stage, on accelerate: resumable, seeded, logged to a CSV with a held-out metric.

A stage says what to train (`modules`), draws a batch from a step number alone (so a resumed run sees the batches
that an unbroken one would have seen), returns a loss, and measures itself on held-out data.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn

RISE = 0.1  # share of a run's minutes in which the learning rate rises at the latest
MEASURED = 5  # times that a run is measured and saved within its minutes


def best_device() -> str:
    """Where a stage trains: "cuda" where there is a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def half_is_fast() -> bool:
    """Whether bfloat16 is computed faster than single precision here: on a GPU and on a CPU with AMX."""
    return torch.cuda.is_available() or getattr(torch.cpu, "_is_amx_tile_supported", bool)()


@dataclass(frozen=True)
class RunConfig:
    """How long and how fast a stage trains.

    Attributes:
        steps: optimiser steps of the whole run (the learning rate follows them, or `minutes` where they end first).
        batch: samples per step.
        lr: peak learning rate, reached after `warmup` steps or a tenth of `minutes`; falls by a cosine to a twentieth.
        minutes: stop (and save) after this time even if steps are left, and measure and save after each fifth of it;
            None = no limit.
        ema: decay of the moving average of the weights that is saved; 0 = none.
        precision: "no" or "bf16" (autocast).
        eval_every, save_every: in steps.
        seed: seeds the weights, the batches and the noise.
        ahead: draw the next batch while a step is computed; done on a GPU in any case.
    """

    steps: int
    batch: int
    lr: float = 3e-4
    warmup: int = 100
    minutes: float | None = None
    ema: float = 0.999
    precision: str = "bf16"
    eval_every: int = 500
    save_every: int = 500
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = 0
    threads: int | None = None
    ahead: bool = False


class Stage(Protocol):
    """What a recipe gives to `fit`."""

    name: str

    def modules(self) -> nn.Module: ...
    def batch(self, step: int, size: int) -> Any: ...
    def loss(self, model: Any, batch: Any, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]: ...
    def evaluate(self, model: Any) -> dict[str, float]: ...
    def save(self, model: Any, folder: Path) -> None: ...


def learning_rate(step: int, config: RunConfig, seconds: float = 0.0) -> float:
    """Linear warm-up, then a cosine from 1 to 0.05 of the peak; returns the factor.

    A run that has taken `seconds` and is limited to some minutes is as far as the further one of steps and time says,
    so that the rate has risen early and has fallen when it stops, however slow a step is.
    """
    spent = seconds / (60 * config.minutes) if config.minutes else 0.0
    if step < config.warmup and spent < RISE:
        return max((step + 1) / config.warmup, spent / RISE)
    t = min(1.0, max((step - config.warmup) / max(1, config.steps - config.warmup), spent))
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * t))


class Average:
    """Moving average of the trained parameters, its decay warmed up; swapped in to measure and to save."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.shadow = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        own: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        torch._foreach_lerp_(list(self.shadow.values()), own, 1 - decay)

    @torch.no_grad()
    def swap(self, model: nn.Module) -> None:
        """Exchange the averaged and the trained weights (call twice to undo)."""
        for n, p in model.named_parameters():
            if n in self.shadow:
                kept = p.detach().clone()
                p.copy_(self.shadow[n])
                self.shadow[n].copy_(kept)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "shadow": self.shadow}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
        for n, v in state["shadow"].items():
            self.shadow[n].copy_(v)


class Learned:
    """The state of a model that training changes: what requires a gradient, and buffers; never a frozen base."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def state_dict(self) -> dict[str, Tensor]:
        frozen = {n for n, p in self.model.named_parameters() if not p.requires_grad}
        return {n: t for n, t in self.model.state_dict().items() if n not in frozen}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        missing, unexpected = self.model.load_state_dict(state, strict=False)
        if unexpected or set(missing) & set(self.state_dict()):
            raise ValueError("The saved state belongs to another model; choose another --out folder.")


class Log:
    """Appends rows to a CSV; the header is fixed by the first row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fields: list[str] | None = None
        self.last: str | None = None  # first value of the last row
        if path.exists():
            with path.open() as f:
                rows = csv.reader(f)
                self.fields = next(rows, None)
                self.last = next((row[0] for row in reversed(list(rows)) if row), None)

    def write(self, row: dict[str, Any]) -> None:
        new = self.fields is None
        self.fields = self.fields or list(row)
        with self.path.open("a", newline="") as f:
            w = csv.DictWriter(f, self.fields, extrasaction="ignore")
            if new:
                w.writeheader()
            w.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})


def fit(stage: Stage, config: RunConfig, out: Path, stop_after: int | None = None) -> dict[str, float]:
    """Train a stage, resuming from `out/state` when it exists.

    Args:
        stage: the recipe.
        config: length, batch, learning rate.
        out: folder for `state/`, `log.csv`, `run.json` and the saved weights.
        stop_after: stop after this step number (a test of resuming uses it).

    Returns:
        The last held-out metrics.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    out.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator(mixed_precision=config.precision, cpu=not torch.cuda.is_available())
    set_seed(config.seed)
    model = stage.modules()
    params = [p for p in model.parameters() if p.requires_grad]
    groups = parameter_groups(model, config.lr, getattr(stage, "rates", {}))
    optimiser = torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.98), weight_decay=config.weight_decay, fused=True)
    tracked = _Counter()

    def factor(step: int) -> float:
        return learning_rate(step, config, tracked.seconds)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
    optimiser = accelerator.prepare(optimiser)
    average = Average(model, config.ema) if config.ema else None
    accelerator.register_for_checkpointing(Learned(model), tracked, schedule, *([average] if average else []))
    state = out / "state"
    if state.exists():
        accelerator.load_state(str(state))
    log, started, seen = Log(out / "log.csv"), time.time(), tracked.seconds
    metrics: dict[str, float] = {}
    running: dict[str, float] = {}
    end = min(config.steps, stop_after or config.steps)

    def late() -> bool:
        return config.minutes is not None and tracked.seconds > 60 * config.minutes

    def part() -> int:
        return int(MEASURED * tracked.seconds / (60 * config.minutes)) if config.minutes else 0

    def measure() -> None:
        metrics.clear()
        metrics.update(_measure(stage, model, average, out))
        row = {"step": tracked.step, "samples": tracked.step * config.batch, "minutes": tracked.seconds / 60}
        if log.last != str(tracked.step):
            log.write({**row, **running, **metrics})
        print(stage.name, {k: round(v, 4) for k, v in {**row, **running, **metrics}.items()}, flush=True)

    def number(step: int) -> int:
        return step * accelerator.num_processes + accelerator.process_index

    def draw(step: int) -> Any:
        return stage.batch(number(step), config.batch // accelerator.num_processes)

    if tracked.step and (tracked.step >= end or late()) and accelerator.is_main_process:
        measure()  # it has ended; perhaps before it was measured
    with ThreadPoolExecutor(1) as pool:
        ahead = config.ahead or accelerator.device.type == "cuda"
        waiting = pool.submit(draw, tracked.step) if ahead else None
        while tracked.step < end and not late():
            step, before = tracked.step, part()
            batch = waiting.result() if waiting else draw(step)
            waiting = pool.submit(draw, step + 1) if waiting and step + 1 < end else None
            generator = torch.Generator().manual_seed(config.seed * 1_000_003 + number(step))
            with accelerator.autocast():
                loss, parts = stage.loss(model, batch, generator)
            accelerator.backward(loss)
            elapsed = mean_over_processes(params, time.time() - started, accelerator.num_processes)
            accelerator.clip_grad_norm_(params, config.clip)
            optimiser.step()
            tracked.step, tracked.seconds = step + 1, seen + elapsed
            schedule.step()
            optimiser.zero_grad()
            if average:
                average.update(model)
            parts = {"loss": float(loss.detach()), **parts}
            running = {k: 0.95 * running.get(k, v) + 0.05 * v for k, v in parts.items()}
            last = tracked.step == end or late()
            due = last or part() > before
            if due or tracked.step % config.save_every == 0:
                accelerator.save_state(str(state))  # first: a measurement that fails does not cost what was learned
            if (due or tracked.step % config.eval_every == 0) and accelerator.is_main_process:
                measure()
    if accelerator.is_main_process:
        write_run(out, stage.name, config, tracked)
    return metrics


def parameter_groups(model: nn.Module, lr: float, rates: dict[str, float]) -> list[dict[str, Any]]:
    """What learns, for the optimiser, in groups: `lr` times the factor of the first of `rates` that is a part of a
    parameter's name ("vlm", "lora_B"), and plainly `lr` where none is.
    """
    groups: dict[str, dict[str, Any]] = {k: {"params": [], "lr": lr * x} for k, x in {**rates, "": 1.0}.items()}
    for name, p in model.named_parameters():
        if p.requires_grad:
            groups[next((k for k in rates if k in name.split(".")), "")]["params"].append(p)
    return [g for g in groups.values() if g["params"]]


def mean_over_processes(params: list[nn.Parameter], seconds: float, processes: int) -> float:
    """Average the gradients, and the elapsed time, so that all processes take the same step and stop together.

    Two processes of one thread each are the faster way to use two shared cores: they meet once a step, where the
    threads of one process meet at every operation.
    """
    if processes == 1:
        return seconds
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
    flat = torch.cat([*(g.float().flatten() for g in grads), torch.tensor([seconds], device=grads[0].device)])
    torch.distributed.all_reduce(flat)
    flat /= processes
    for p, g, mean in zip(params, grads, flat[:-1].split([g.numel() for g in grads]), strict=True):
        p.grad = g.copy_(
            mean.view_as(g)
        )  # in the same memory format: the fused optimiser steps through both as they lie
    return float(flat[-1])


def _measure(stage: Stage, model: nn.Module, average: Average | None, out: Path) -> dict[str, float]:
    """Held-out metrics of the averaged weights, which are also saved."""
    if average:
        average.swap(model)
    model.eval()
    with torch.no_grad():
        metrics = stage.evaluate(model)
        stage.save(model, out)
    model.train()
    if average:
        average.swap(model)
    return metrics


class _Counter:
    """Steps and seconds of a run, over all its resumptions."""

    def __init__(self) -> None:
        self.step, self.seconds = 0, 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "seconds": self.seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.seconds = state["step"], state["seconds"]


def write_run(out: Path, name: str, config: RunConfig, tracked: _Counter) -> None:
    """`run.json`: what the model card quotes."""
    facts = {
        "stage": name,
        "steps": tracked.step,
        "samples": tracked.step * config.batch,
        "hours": round(tracked.seconds / 3600, 3),
        "hardware": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "2 CPU cores",
        "config": dataclasses.asdict(config),
    }
    (out / "run.json").write_text(json.dumps(facts, indent=1) + "\n")


def parser(description: str, out: Path | None = None) -> argparse.ArgumentParser:
    """The options that every recipe shares; `out` is the default of --out, which else has to be given."""
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--config", choices=["smoke", "cpu", "gpu"], default="cpu")
    p.add_argument("--data", type=Path, default=Path(".cache/posters"), help="folder of training.data.dataset")
    p.add_argument("--weights", type=Path, default=Path("checkpoints/vlad-mini"), help="earlier stages' weights")
    p.add_argument("--out", type=Path, required=not out, default=out, help="folder for weights, state and log.csv")
    p.add_argument("--steps", type=int)
    p.add_argument("--batch", type=int)
    p.add_argument("--minutes", type=float)
    p.add_argument("--threads", type=int)
    p.add_argument("--lr", type=float)
    p.add_argument("--warmup", type=int, help="steps until the learning rate is at its peak")
    p.add_argument("--eval-every", type=int, help="steps between two measurements")
    p.add_argument("--seed", type=int, help="of weights, batches and noise; another one where a run is gone on with")
    p.add_argument("--precision", choices=["no", "bf16"], help="no: single precision, the default on CPUs without AMX")
    return p


def chosen(configs: dict[str, RunConfig], args: argparse.Namespace) -> RunConfig:
    """The named configuration with the command line's overrides; single precision where that is the faster one."""
    names = ("steps", "batch", "minutes", "threads", "lr", "warmup", "eval_every", "seed", "precision")
    given = {k: getattr(args, k) for k in names if getattr(args, k) is not None}
    slow = {} if half_is_fast() else {"precision": "no"}
    return dataclasses.replace(configs[args.config], **{**slow, **given})
