"""One loop for adapters on pretrained parts, on whatever accelerate is configured for: a device, DDP, FSDP, DeepSpeed.

    accelerate launch --config_file training/scale/accelerate/fsdp.yaml -m training.scale.vlad ...

What is trained is a small part of the model; only that is averaged, and only that is written for the pipelines. State
is saved sharded where the engine shards, and a run goes on where it was.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator, FullyShardedDataParallelPlugin
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedDataParallelKwargs, DistributedType, set_seed
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from training.loop import Average, Log, RunConfig, _Counter, learning_rate, write_run


@dataclass(frozen=True)
class ScaleConfig(RunConfig):
    """`RunConfig` whose `batch` counts all processes and accumulated steps.

    Attributes:
        accumulate: passes whose gradients make one step. checkpointing: compute activations again in the backward pass
        instead of keeping them.
    """

    accumulate: int = 1
    checkpointing: bool = True


class Recipe(Protocol):
    """What is trained. `model` is one module: its parameters that need a gradient learn, all else is frozen. `blocks`:
    names of the classes of its repeated blocks.
    """

    name: str
    blocks: list[str]
    unused: bool  # whether a step may leave parameters that learn without a gradient

    def model(self, accelerator: Accelerator, checkpointing: bool) -> nn.Module: ...
    def start(self, skip: int, part: int, parts: int) -> None: ...
    def batch(self, size: int) -> Any: ...
    def loss(self, model: Any, batch: Any, seeds: list[int]) -> tuple[Tensor, dict[str, float]]: ...
    def save(self, state: dict[str, Tensor], folder: Path) -> None: ...


def sharded_on_cpu(accelerator: Accelerator, blocks: list[str]) -> Accelerator:
    """Have FSDP on CPUs as well, over gloo, which accelerate itself leaves to GPUs: to rehearse it without one.

    Args:
        blocks: names of the classes whose modules are sharded each on its own.
    """
    plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2, auto_wrap_policy="transformer_based_wrap", transformer_cls_names_to_wrap=blocks,
        state_dict_type="SHARDED_STATE_DICT", cpu_ram_efficient_loading=False,
    )  # fmt: skip
    for state in (AcceleratorState, PartialState):
        state._shared_state["distributed_type"] = DistributedType.FSDP
    AcceleratorState._shared_state["fsdp_plugin"] = plugin
    return accelerator


def train(
    recipe: Recipe, config: ScaleConfig, out: Path, shard: bool = False, stop_after: int | None = None
) -> dict[str, float]:
    """Train, resuming from `out/state` where it exists.

    Args:
        config: `batch` must be a multiple of processes times `accumulate`. shard: `sharded_on_cpu`.
        stop_after: stop, and save, after this step.

    Returns:
        Losses of the last step, as means over the processes.

    Raises:
        ValueError: the batch cannot be divided.
    """
    deep = os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true"  # as accelerate's launcher says it
    accelerator = Accelerator(
        mixed_precision=config.precision, cpu=not torch.cuda.is_available() and not deep,
        gradient_accumulation_steps=config.accumulate,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=recipe.unused)],
    )  # fmt: skip
    if shard:
        sharded_on_cpu(accelerator, recipe.blocks)
    whole = accelerator.num_processes * config.accumulate
    if config.batch % whole:
        raise ValueError(f"a batch of {config.batch} cannot be divided among {whole} passes")
    if deep:
        told = accelerator.state.deepspeed_plugin.deepspeed_config
        told["train_micro_batch_size_per_gpu"] = config.batch // whole
        told["gradient_accumulation_steps"] = config.accumulate
        unset_hf_deepspeed_config()  # what is only asked is loaded whole by each process
    set_seed(config.seed)
    out.mkdir(parents=True, exist_ok=True)
    model: Any = recipe.model(accelerator, config.checkpointing)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimiser: Any = torch.optim.AdamW(learned, lr=config.lr, betas=(0.9, 0.99), weight_decay=config.weight_decay)
    counter = _Counter()
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: learning_rate(step, config))
    model, optimiser = accelerator.prepare(model, optimiser)
    if deep:
        unset_hf_deepspeed_config()  # which preparing has set again
    dealt = deep and accelerator.state.deepspeed_plugin.zero_stage == 3
    if dealt and config.ema:
        print("ZeRO-3 deals the weights out between steps, so they are not averaged; ZeRO-2 and FSDP do both.")
    average = Average(accelerator.unwrap_model(model), config.ema) if config.ema and not dealt else None
    accelerator.register_for_checkpointing(counter, schedule)
    state, log, last = out / "state", Log(out / "log.csv"), {}
    mine = state / f"average-{accelerator.process_index}.pt"  # of which a process has only its shards
    if state.exists():
        accelerator.load_state(str(state))
        if average:
            _restore(average, torch.load(mine, weights_only=True))
    recipe.start(
        counter.step * config.batch // accelerator.num_processes, accelerator.process_index, accelerator.num_processes
    )
    end = min(config.steps, stop_after or config.steps)
    while counter.step < end:
        last = _step(accelerator, recipe, model, optimiser, config, counter.step)
        schedule.step()
        counter.step += 1
        if average:
            average.update(accelerator.unwrap_model(model))
        if accelerator.is_main_process:
            log.write({"step": counter.step, "samples": counter.step * config.batch, **last})
            print(recipe.name, counter.step, {k: round(v, 5) for k, v in last.items()}, flush=True)
        if counter.step % config.save_every == 0 or counter.step == end:
            accelerator.save_state(str(state))
            if average:
                torch.save(_kept(average), mine)
    _write(accelerator, recipe, model, average, out)
    if accelerator.is_main_process:
        write_run(out, recipe.name, config, counter)
    accelerator.wait_for_everyone()
    return last


def _own(t: Any) -> Tensor:
    """What this process has of a tensor."""
    return t.to_local() if isinstance(t, DTensor) else t


def _kept(average: Average) -> dict[str, Any]:
    return {"steps": average.steps, "shadow": {n: _own(t) for n, t in average.shadow.items()}}


def _restore(average: Average, kept: dict[str, Any]) -> None:
    average.steps = kept["steps"]
    for name, value in kept["shadow"].items():
        _own(average.shadow[name]).copy_(value)


def _step(
    accelerator: Accelerator, recipe: Recipe, model: Any, optimiser: Any, config: ScaleConfig, step: int
) -> dict[str, float]:
    """One step of the optimiser, over `accumulate` passes. Noise belongs to a sample's number in the whole run, so that
    it does not depend on how many processes share the batch.
    """
    n, processes = config.batch // accelerator.num_processes // config.accumulate, accelerator.num_processes
    sums: dict[str, float] = {}
    for k in range(config.accumulate):
        first = step * config.batch + k * n * processes + accelerator.process_index
        seeds = [config.seed + first + i * processes for i in range(n)]
        with accelerator.accumulate(model):
            loss, parts = recipe.loss(model, recipe.batch(n), seeds)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), config.clip)
            optimiser.step()
            optimiser.zero_grad()
        for name, value in {"loss": float(loss.detach()), **parts}.items():
            sums[name] = sums.get(name, 0.0) + value / config.accumulate
    told = accelerator.reduce(torch.tensor(list(sums.values()), device=accelerator.device), "mean")
    return dict(zip(sums, told.tolist(), strict=True))


def _write(accelerator: Accelerator, recipe: Recipe, model: Any, average: Average | None, out: Path) -> None:
    """The averaged weights that were trained, gathered from all processes, for the pipelines."""
    bare = accelerator.unwrap_model(model)
    if average:
        average.swap(bare)
    wanted = {n for n, p in bare.named_parameters() if p.requires_grad}
    state = {n: t for n, t in accelerator.get_state_dict(model).items() if n in wanted}
    if accelerator.is_main_process:
        recipe.save({n: t.detach().cpu().contiguous() for n, t in state.items()}, out)
    if average:
        average.swap(bare)


def chosen(config: ScaleConfig, args: Any) -> ScaleConfig:
    """A configuration with the command line's overrides."""
    fields = {f.name for f in dataclasses.fields(ScaleConfig)}
    given = {k: v for k, v in vars(args).items() if k in fields and v is not None}
    return dataclasses.replace(config, **given)
