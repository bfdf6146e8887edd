"""One model cache for the whole process: load once, pin while in use, let go of what was used longest ago.

    cache = ModelCache(registry, Placement())
    with cache.use("vae", "vlad.vfe") as (vae, vfe):
        ...

Pipelines never call `.to()`: the cache decides where a model is. Schedulers and generators hold the state of one
request and are never cached.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from pipelines.errors import ModelDoesNotFit
from pipelines.runtime import Runtime, dtype_name, on_zero_gpu

log = logging.getLogger(__name__)
GIB = 1 << 30
ACTIVATIONS = 4 * GIB  # of a GPU's memory, left for what is computed
# Building a model patches torch's modules for a moment, so one is built at a time in the whole process. The thread that
# holds this may build a model that needs another one. It is never held while a model computes.
_BUILDING = threading.RLock()

Key = tuple[str, torch.dtype]


@dataclass(frozen=True)
class Loader:
    """How a component is made.

    Attributes:
        build: dtype -> the component, in eval mode, frozen, on the CPU. A tokenizer is a component of no weights.
        size: () -> bytes that its weights will take, from the file sizes, asked before building.
        of: the component that this one is a way of seeing; `look` makes it out of that, and it has no weights of its
            own. "" = it is built.
    """

    build: Callable[[torch.dtype], Any]
    size: Callable[[], int]
    of: str = ""
    look: Callable[[Any], Any] = lambda model: model


@dataclass(frozen=True)
class Placement:
    """Where models are and how much room they may take: explicit budgets of weights, activations not counted.

    Attributes:
        device: where models compute.
        offload: where an idle model waits.
        dtype: precision that components are built in.
        budget_bytes: weights allowed on `device`; without meaning where both places are the same.
        ram_bytes: weights kept in the process at all.
        evict: False on ZeroGPU, where everything is placed once before the launch.
    """

    device: str = "cpu"
    offload: str = "cpu"
    dtype: torch.dtype = torch.float32
    budget_bytes: int = 16 * GIB
    ram_bytes: int = 8 * GIB
    evict: bool = True

    @classmethod
    def of(cls, runtime: Runtime, precision: str = "device") -> Placement:
        """Default budgets on the device of `runtime`; precision: "float32", or "device" for that of `runtime`."""
        dtype = torch.float32 if precision == "float32" else runtime.dtype
        ram = 8 * GIB if runtime.device == "cpu" else 48 * GIB
        budget = device_budget(torch.cuda.get_device_properties(0).total_memory) if _own_gpu(runtime) else 16 * GIB
        return cls(runtime.device, dtype=dtype, budget_bytes=budget, ram_bytes=ram, evict=not on_zero_gpu())


def device_budget(total: int) -> int:
    """Bytes of weights on a GPU with `total` bytes: what ACTIVATIONS leave, and never less than half."""
    return max(total - ACTIVATIONS, total // 2)


def _own_gpu(runtime: Runtime) -> bool:
    return runtime.device == "cuda" and torch.cuda.is_available() and not on_zero_gpu()


@dataclass(frozen=True)
class Row:
    """One component in the cache, for the panel in the app: bytes of its weights, users at the moment, place."""

    name: str
    dtype: str
    nbytes: int
    pins: int
    place: str


@dataclass
class _Entry:
    model: Any
    nbytes: int
    place: str
    pins: int = field(default=0)
    seen: dict[str, Any] = field(default_factory=dict)  # ways of seeing it that were asked for


def module_bytes(model: Any) -> int:
    """Bytes of parameters and buffers; 0 for what has none, such as a tokenizer."""
    if not isinstance(model, torch.nn.Module):
        return 0
    return sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))


class ModelCache:
    """Components by name and dtype, shared by all pipelines and threads.

    Args:
        loaders: name -> loader; looked up at each use, so that it may grow afterwards.
        placement: device, precision and budgets.
    """

    def __init__(self, loaders: Mapping[str, Loader], placement: Placement | None = None) -> None:
        self.placement = placement or Placement()
        self._loaders = loaders
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()  # used longest ago first
        # guards the entries; never held while building or computing. A destructor may let entries go in the thread that
        # holds it
        self._books = threading.RLock()
        self._frozen = False

    def __contains__(self, name: object) -> bool:
        """Whether there is a loader of that name."""
        return name in self._loaders

    @contextmanager
    def use(self, *names: str, dtype: torch.dtype | None = None) -> Iterator[tuple[Any, ...]]:
        """The components, on the device and pinned until the block ends; all of one stage in one call.

        Raises:
            ModelDoesNotFit: they do not fit beside what is in use, or the device ran out of memory in the block.
            KeyError: no loader of that name.
        """
        keys = [(self._base(name), dtype or self.placement.dtype) for name in names]
        if self._frozen:  # in the forked worker of ZeroGPU: no lock, no load
            yield self._seen(names, [self._held(key) for key in keys])
            return
        entries = self._acquire(keys)
        try:
            yield self._seen(names, entries)
        except RuntimeError as e:
            if not no_memory(e):
                raise
            raise _out_of_memory(names) from e
        finally:
            self._release(entries)

    def preload(self, *names: str, freeze: bool = False) -> None:
        """Build and place components now, together; `freeze` then forbids any further load, move or eviction.

        Raises:
            ModelDoesNotFit: they do not fit together.
        """
        with self.use(*names):
            self._frozen = self._frozen or freeze

    def evict(self, name: str) -> bool:
        """Drop a component in every precision; False when it is not there, in use, or the cache is frozen."""
        with self._books:
            keys = [key for key in self._entries if key[0] == self._base(name)]
            if self._frozen or not keys or any(self._entries[key].pins for key in keys):
                return False
            for key in keys:
                del self._entries[key]
        _free_memory()
        return True

    def stats(self) -> list[Row]:
        """What is held, used longest ago first."""
        with self._books:
            return [Row(n, dtype_name(d), e.nbytes, e.pins, e.place) for (n, d), e in self._entries.items()]

    def _base(self, name: str) -> str:
        """What holds the weights of a component: itself, or what it is a way of seeing."""
        return (self._loaders[name].of or name) if name in self._loaders else name

    def _seen(self, names: Sequence[str], entries: Sequence[_Entry]) -> tuple[Any, ...]:
        out = []
        for name, entry in zip(names, entries, strict=True):
            loader = self._loaders.get(name)
            if loader is None or not loader.of:
                out.append(entry.model)
                continue
            with self._books:  # the same one for all who use it at the same time
                if name not in entry.seen:
                    entry.seen[name] = loader.look(entry.model)
                out.append(entry.seen[name])
        return tuple(out)

    def _held(self, key: Key) -> _Entry:
        if key not in self._entries:
            raise ModelDoesNotFit(f"{key[0]} was not loaded before the cache was frozen; restart the app with it.")
        return self._entries[key]

    # -- taking and giving back ---------------------------------------------------------------------------------------

    def _acquire(self, keys: list[Key]) -> list[_Entry]:
        """Pin all of `keys`, building what is missing, then put them on the device."""
        pinned = self._pin_if_built(keys) or self._pin_and_build(keys)
        try:
            with self._books:
                self._place(pinned)
        except BaseException as e:
            self._release(pinned)
            if no_memory(e):
                raise _out_of_memory([name for name, _ in keys]) from e
            raise
        return pinned

    def _pin_if_built(self, keys: list[Key]) -> list[_Entry] | None:
        """The fast path: pins for all of `keys`, or None when one is not there."""
        with self._books:
            if any(key not in self._entries for key in keys):
                return None
            return [self._pin(key) for key in keys]

    def _pin(self, key: Key) -> _Entry:
        self._entries.move_to_end(key)
        self._entries[key].pins += 1
        return self._entries[key]

    def _pin_and_build(self, keys: list[Key]) -> list[_Entry]:
        """Pins for all of `keys`; each is pinned as soon as it is there, so that the next does not push it out."""
        pinned: list[_Entry] = []
        with _BUILDING:
            try:
                for key in keys:
                    pinned.append(self._pin_or_build(key))
            except BaseException:
                self._release(pinned)
                raise
        return pinned

    def _pin_or_build(self, key: Key) -> _Entry:
        with self._books:
            if key in self._entries:
                return self._pin(key)
        name, dtype = key
        if name not in self._loaders:
            raise KeyError(f"no loader is registered for {name!r}; there are {', '.join(sorted(self._loaders))}")
        loader = self._loaders[name]
        with self._books:
            self._make_ram_room(name, loader.size())
        model = loader.build(dtype)
        log.info("loaded %s (%s)", name, dtype_name(dtype))
        with self._books:
            self._entries[key] = _Entry(model, module_bytes(model), self.placement.offload)
            return self._pin(key)

    def _release(self, entries: list[_Entry]) -> None:
        with self._books:
            for entry in entries:
                entry.pins -= 1

    # -- room; called with the books locked ---------------------------------------------------------------------------

    def _make_ram_room(self, name: str, need: int) -> None:
        """Drop idle components, used longest ago first, until `need` bytes fit into the process."""
        held = sum(entry.nbytes for entry in self._entries.values())
        limit = self.placement.ram_bytes
        idle = [key for key, entry in self._entries.items() if not entry.pins and entry.nbytes]
        busy = held - sum(self._entries[key].nbytes for key in idle)
        if busy + need > limit:
            raise _does_not_fit(name, need, busy, limit)
        for key in idle:
            if held + need <= limit:
                break
            if not self.placement.evict:
                raise _does_not_fit(name, need, held, limit)
            held -= self._entries.pop(key).nbytes
            log.info("dropped %s", key[0])
            _free_memory()

    def _place(self, entries: list[_Entry]) -> None:
        """Move `entries` to the device, after idle ones made room."""
        device = self.placement.device
        waiting = [entry for entry in entries if entry.place != device]
        self._make_device_room(sum(entry.nbytes for entry in waiting))
        for entry in waiting:
            _move(entry, device)

    def _make_device_room(self, need: int) -> None:
        here = self.placement.device
        if not need or here == self.placement.offload:
            return
        used = sum(entry.nbytes for entry in self._entries.values() if entry.place == here)
        idle = [entry for entry in self._entries.values() if entry.place == here and not entry.pins]
        while idle and used + need > self.placement.budget_bytes and self.placement.evict:
            used -= idle[0].nbytes
            _move(idle.pop(0), self.placement.offload)
        if used + need > self.placement.budget_bytes:
            raise _does_not_fit("This step", need, used, self.placement.budget_bytes)


def _move(entry: _Entry, place: str) -> None:
    if isinstance(entry.model, torch.nn.Module):
        entry.model.to(place)
    entry.place = place
    log.info("moved %s to %s", type(entry.model).__name__, place)


def _does_not_fit(name: str, need: int, used: int, limit: int) -> ModelDoesNotFit:
    return ModelDoesNotFit(
        f"{name} needs {need / 1e6:,.1f} MB, but {used / 1e6:,.1f} of the {limit / 1e6:,.1f} MB allowed are in use; "
        "wait for the other request to end or raise the budget."
    )


def no_memory(e: BaseException) -> bool:
    """Whether a device, or this computer, had no room for a tensor."""
    return isinstance(e, torch.OutOfMemoryError) or (isinstance(e, RuntimeError) and "can't allocate memory" in str(e))


def _out_of_memory(names: Sequence[str]) -> ModelDoesNotFit:
    _free_memory()
    return ModelDoesNotFit(
        f"The device ran out of memory at {', '.join(names)}; ask for fewer or smaller pictures, or close what else "
        "uses it."
    )


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available() and not on_zero_gpu():
        torch.cuda.empty_cache()
