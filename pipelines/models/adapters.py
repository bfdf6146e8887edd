"""Low-rank adapters of several names on one base, of which one at a time acts, or none.

The base is loaded once, whatever acts on it. `Under` is the base as one adapter makes it: it chooses that adapter for
as long as each call takes, so requests for different ones may alternate step by step.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

TRAINED = "default"  # what an adapter is called while it is trained, and in its file


class Adapters:
    """The adapters of a base.

    LoRA stays beside the weights that it changes. Parameters that an adapter replaces as a whole are held for each
    name, and for the base itself, in `base.replaced`.

    Args:
        base: any module. own: names of the parameters that an adapter may replace.
    """

    def __init__(self, base: nn.Module, own: tuple[str, ...] = ()) -> None:
        self.base: Any = base
        self.names, self.acting = [""], ""
        self._own, self._lock = own, threading.RLock()
        self._layers: list[Any] = []
        base.replaced = nn.ParameterDict()  # on the base, so that it moves with it
        self._keep("", {n: p.detach() for n, p in base.named_parameters() if n in own})

    def add(self, name: str, target: nn.Module, config: LoraConfig, tensors: Mapping[str, Tensor]) -> None:
        """Read one more.

        Args:
            name: what it is chosen by. target: the module of the base that `config` adapts. tensors: what training
            wrote, by the names that the parameters had in the base.

        Raises:
            ValueError: the tensors are not exactly those of this adapter.
        """
        inject_adapter_in_model(config, target, adapter_name=name)
        state = {n: p for n, p in self.base.named_parameters() if f".{name}." in n and "lora_" in n}
        known = {n.replace(f".{name}.", f".{TRAINED}.", 1): p for n, p in state.items()}
        known |= {n: p for n, p in self.base.named_parameters() if n in self._own}
        if {n: p.shape for n, p in known.items()} != {n: t.shape for n, t in tensors.items()}:
            raise ValueError("the adapter belongs to another model")
        with torch.no_grad():
            for n, p in known.items():
                if n not in self._own:
                    p.copy_(tensors[n])
        self._keep(name, {n: tensors[n].to(known[n]) for n in self._own})
        self.names.append(name)
        self._layers = [m for m in self.base.modules() if isinstance(m, BaseTunerLayer)]
        self.base.eval().requires_grad_(False)
        self.acting = name
        self._choose("")

    @contextmanager
    def chosen(self, name: str) -> Iterator[None]:
        """One adapter acts in the block, "" for none; other threads wait."""
        with self._lock:
            if self.acting != name:
                self._choose(name)
            yield

    def _choose(self, name: str) -> None:
        if name not in self.names:
            raise KeyError(f"there is no adapter {name!r}; there are {', '.join(self.names[1:])}")
        for layer in self._layers:
            there = name in getattr(layer, "lora_A", {})
            layer._disable_adapters = not there
            layer._active_adapter = [name] if there else []
        for own in self._own:
            self.base.get_parameter(own).data = self.base.replaced[_key(name, own)].data
        self.acting = name

    def _keep(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        for own, tensor in tensors.items():
            self.base.replaced[_key(name, own)] = nn.Parameter(tensor.clone(), requires_grad=False)


def _key(name: str, own: str) -> str:
    return f"{name}|{own}".replace(".", "/")


class Under:
    """A base, or a module inside it, as one adapter makes it; everything but a call is that module's own.

    Args:
        adapters: of the base. name: which one, "" for none. module: None = the base.
    """

    def __init__(self, adapters: Adapters, name: str, module: Any = None) -> None:
        self._adapters, self._name = adapters, name
        self._module: Any = adapters.base if module is None else module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._adapters.chosen(self._name):
            return self._module(*args, **kwargs)

    def __getattr__(self, item: str) -> Any:
        return getattr(self._module, item)
