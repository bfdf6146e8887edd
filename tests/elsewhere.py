"""A second device that every machine has, to see on a CPU what would fail on a GPU: tensors in two places.

    with elsewhere():
        model.to(NAME)      # computes as on the CPU, but nothing that stayed there can be mixed with it

Tensors on it are made, moved, differentiated and optimised like any other; inside they lie on the CPU. As on a GPU, an
operation on tensors of both devices is an error (but for scalars and, for what is indexed, the index), and so is
`numpy()` of a tensor that has not been brought back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _DummyPrivateUse1Hook,
    _setup_privateuseone_for_python_backend,
)

NAME = "elsewhere"
aten = torch.ops.aten
MOVES = {aten._to_copy.default, aten.copy_.default}
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}


class Backend(_DummyBackendModule):
    """What torch asks of a device's module; none are there but for who names one."""

    def device_count(self) -> int:
        return 0

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


class Hook(_DummyPrivateUse1Hook):
    """Nobody takes the device by himself."""

    def is_available(self) -> bool:
        return False


# at import, which pytest does before it runs anything: autograd counts the devices at the first backward pass
_setup_privateuseone_for_python_backend(NAME, backend_module=Backend(), hook=Hook())


class Elsewhere(Tensor):
    """A tensor on the second device; `raw` has its values."""

    raw: Tensor

    @staticmethod
    def __new__(cls, raw: Tensor) -> Elsewhere:
        made = Tensor._make_wrapper_subclass(
            cls, raw.size(), strides=raw.stride(), storage_offset=raw.storage_offset(), dtype=raw.dtype,
            device=torch.device(NAME, 0),
        )  # fmt: skip
        made.raw = raw
        return made

    def tolist(self) -> Any:
        """As on a GPU, a list needs no bringing back."""
        return self.detach().cpu().tolist()

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"Elsewhere({self.raw!r})"

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(function, args, kwargs or {})


class Moving(TorchDispatchMode):
    """Sees what is made on the second device or moved to it."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.is_inference_mode_enabled() and composite(function):  # what autograd would have taken apart
            with self:
                return function.decompose(*args, **kwargs or {})
        return computed(function, args, kwargs or {})


@lru_cache(None)
def composite(function: Any) -> bool:
    """Whether an operation is made of others."""
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(function.name(), "CompositeImplicitAutograd"))


def computed(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation, on the CPU; its results where its arguments or its `device` say.

    Raises:
        RuntimeError: arguments on two devices.
    """
    if function is aten._has_compatible_shallow_copy_type.default:  # a module that is being moved wants to know
        return isinstance(args[0], Elsewhere) == isinstance(args[1], Elsewhere)
    given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    there = {id(x.raw): x for x in given if isinstance(x, Elsewhere)}
    device = kwargs.get("device")
    if there and function not in MOVES and not (function in INDEXED and isinstance(args[0], Elsewhere)):
        here = [tuple(x.shape) for x in given if not isinstance(x, Elsewhere) and x.dim()]
        if here:
            raise RuntimeError(f"{function}: tensors on two devices, those of shape {here} on the CPU")
    if device is not None:
        away = torch.device(device).type == NAME
    else:
        away = isinstance(args[0], Elsewhere) if function is aten.copy_.default else bool(there)

    def inside(x: Any) -> Any:
        return x.raw if isinstance(x, Elsewhere) else torch.device("cpu") if isinstance(x, torch.device) else x

    def outside(x: Any) -> Any:
        if not isinstance(x, Tensor) or not away:
            return x
        return there[id(x)] if id(x) in there else Elsewhere(x)  # what was changed in place is what was given

    out = function(*tree_map(inside, args), **tree_map(inside, kwargs))
    with torch.inference_mode(False):  # a view made in that mode of a tensor from outside is none of its tensors
        return tree_map(outside, out)


_plain_autocast = torch.autocast


def _autocast(device: str, *args: Any, **kwargs: Any) -> Any:
    """Autocast has rules for the devices that torch knows; everything is computed in its own precision here."""
    return contextlib.nullcontext() if device == NAME else _plain_autocast(device, *args, **kwargs)


@contextlib.contextmanager
def elsewhere() -> Iterator[None]:
    """Tensors can be on the second device, and torch.autocast leaves what is there alone."""
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device=NAME) is made here and moved
    try:
        with mock.patch("torch.autocast", _autocast), Moving():
            yield
    finally:
        torch._C._set_only_lift_cpu_tensors(False)


def taught(model: Any, loss: Callable[[int], Tensor], fused: bool = False) -> None:
    """Two optimiser steps of what needs a gradient; `loss` of a step."""
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], fused=fused)
    for step in range(2):
        loss(step).backward()
        optimiser.step()
        optimiser.zero_grad()


def learned(recipe: Any, size: int = 2) -> set[str]:
    """Two steps of a recipe for the preset `full` whose device this is, as `training.scale.engine.train` takes them:
    names of the parameters that have changed.
    """
    model = recipe.model(SimpleNamespace(device=NAME), False)
    recipe.start(0, 0, 1)
    before = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
    taught(model, lambda step: recipe.loss(model, recipe.batch(size), [step * size + k for k in range(size)])[0])
    return {n for n, p in model.named_parameters() if n in before and not torch.equal(p, before[n])}


def stepped(stage: Any, size: int = 2) -> dict[str, float]:
    """Two steps of a training stage whose device this is, as `training.loop.fit` takes them; what it then measures."""
    model = stage.modules()
    assert {p.device.type for p in model.parameters()} == {NAME}, type(stage).__name__
    seeds = [torch.Generator().manual_seed(k) for k in range(2)]
    taught(model, lambda step: stage.loss(model, stage.batch(step, size), seeds[step])[0], fused=True)
    model.eval()
    with torch.no_grad():
        return stage.evaluate(model)
