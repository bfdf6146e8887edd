"""The shared model cache, with small real modules."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from pipelines.cache import Loader, ModelCache, Placement, module_bytes
from pipelines.errors import ModelDoesNotFit
from pipelines.registry import Registry
from pipelines.runtime import Runtime

UNIT = 4 * 1000  # bytes of one layer below


class Counted:
    """Loaders of modules with 1,000 weights each, which count how often they are built."""

    def __init__(self, *names: str, pause: float = 0.0) -> None:
        self.built: dict[str, int] = dict.fromkeys(names, 0)
        self.pause = pause
        self.loaders = {name: Loader(self._builder(name), lambda: UNIT) for name in names}

    def _builder(self, name: str) -> Callable[[torch.dtype], Any]:
        def build(dtype: torch.dtype) -> nn.Module:
            time.sleep(self.pause)
            self.built[name] += 1
            return nn.Linear(1000, 1, bias=False).to(dtype)

        return build


def cache_of(counted: Counted, **placement: Any) -> ModelCache:
    return ModelCache(counted.loaders, Placement(**placement))


def names_in(cache: ModelCache) -> list[str]:
    return [row.name for row in cache.stats()]


def test_a_component_is_built_once_and_shared() -> None:
    counted = Counted("vae")
    cache = cache_of(counted)
    with cache.use("vae") as (first,), cache.use("vae") as (second,):
        assert first is second
        assert cache.stats()[0].pins == 2
    assert counted.built == {"vae": 1}
    row = cache.stats()[0]
    assert (row.name, row.dtype, row.nbytes, row.pins, row.place) == ("vae", "float32", UNIT, 0, "cpu")


def test_precisions_are_components_of_their_own() -> None:
    cache = cache_of(Counted("vae"))
    with cache.use("vae") as (single,), cache.use("vae", dtype=torch.float16) as (half,):
        assert (single.weight.dtype, half.weight.dtype) == (torch.float32, torch.float16)
    assert [row.dtype for row in cache.stats()] == ["float32", "float16"]
    assert cache.evict("vae") and not cache.stats()


def test_what_was_used_longest_ago_goes_first() -> None:
    cache = cache_of(Counted("a", "b", "c"), ram_bytes=2 * UNIT)
    cache.preload("a", "b")
    with cache.use("a"):
        pass
    cache.preload("c")
    assert names_in(cache) == ["a", "c"]


def test_pinned_components_stay_and_the_message_has_the_numbers() -> None:
    counted = Counted("a", "b", "c")
    cache = cache_of(counted, ram_bytes=2 * UNIT)
    with cache.use("a", "b"), pytest.raises(ModelDoesNotFit, match="0.004 MB|0.0 MB"), cache.use("c"):
        pass
    assert counted.built["c"] == 0, "room is made before building"
    assert all(row.pins == 0 for row in cache.stats())
    with cache.use("c"):
        assert "c" in names_in(cache)


def test_one_stage_that_is_too_large_raises_and_leaves_no_pin() -> None:
    cache = cache_of(Counted("a", "b", "c"), ram_bytes=2 * UNIT)
    with pytest.raises(ModelDoesNotFit), cache.use("a", "b", "c"):
        pass
    assert all(row.pins == 0 for row in cache.stats())


def test_evict_refuses_what_is_in_use_or_absent() -> None:
    cache = cache_of(Counted("a"))
    assert not cache.evict("a")
    with cache.use("a"):
        assert not cache.evict("a")
    assert cache.evict("a")


def test_pins_are_given_back_when_the_block_fails() -> None:
    cache = cache_of(Counted("a"))
    with pytest.raises(RuntimeError, match="inside"), cache.use("a"):
        raise RuntimeError("inside")
    assert cache.stats()[0].pins == 0


def test_too_little_memory_is_one_sentence() -> None:
    """For a tensor that no computer has room for, as for one that a GPU has none for."""
    cache = cache_of(Counted("vae", "vfe"))
    with pytest.raises(ModelDoesNotFit, match="ran out of memory at vae, vfe; ask for fewer or smaller pictures"):
        with cache.use("vae", "vfe"):
            torch.empty(1 << 60, dtype=torch.uint8)
    with pytest.raises(ModelDoesNotFit, match="ran out of memory at vae"), cache.use("vae"):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), cache.use("vae") as (layer,):
        layer(torch.zeros(1, 3))
    assert [row.pins for row in cache.stats()] == [0, 0]


class NoRoom(nn.Linear):
    """Weights that do not fit where they are moved."""

    def to(self, *args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_component_that_the_device_has_no_room_for_is_one_sentence() -> None:
    cache = ModelCache({"vfe": Loader(lambda dtype: NoRoom(4, 4), lambda: 64)}, Placement(device="meta"))
    with pytest.raises(ModelDoesNotFit, match="The device ran out of memory at vfe"), cache.use("vfe"):
        pass
    assert [(row.pins, row.place) for row in cache.stats()] == [(0, "cpu")]


def test_ways_of_seeing_a_component_share_it() -> None:
    counted = Counted("base")
    registry = Registry()
    registry.register("base", counted.loaders["base"].build, UNIT)
    registry.see("twice", "base", lambda base: (base, base))
    registry.see("once", "base", lambda base: [base])
    cache = ModelCache(registry)
    with cache.use("twice", "once", "base") as (twice, once, base), cache.use("twice") as (again,):
        assert twice[0] is once[0] is base and again is twice
        assert [(row.name, row.pins) for row in cache.stats()] == [("base", 4)]
    assert counted.built == {"base": 1} and "twice" in cache and cache.evict("once") and not cache.stats()


def test_a_failed_build_leaves_nothing_behind() -> None:
    def broken(dtype: torch.dtype) -> nn.Module:
        raise OSError("no file")

    loaders = {**Counted("a").loaders, "broken": Loader(broken, lambda: 1)}
    cache = ModelCache(loaders)
    with pytest.raises(OSError, match="no file"), cache.use("a", "broken"):
        pass
    assert [(row.name, row.pins) for row in cache.stats()] == [("a", 0)]


def test_an_unknown_name_says_which_exist() -> None:
    with pytest.raises(KeyError, match="'vae'.*unet"), cache_of(Counted("unet")).use("vae"):
        pass


def test_device_budget_counts_what_is_pinned_there() -> None:
    cache = cache_of(Counted("a", "b"), device="meta", budget_bytes=UNIT)
    with cache.use("a") as (a,):
        assert a.weight.device.type == "meta"
        with pytest.raises(ModelDoesNotFit), cache.use("b"):
            pass
    assert [(row.place, row.pins) for row in cache.stats()] == [("meta", 0), ("cpu", 0)]


def test_idle_components_leave_the_device_and_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.cache._move", lambda entry, place: setattr(entry, "place", place))
    counted = Counted("a", "b", "c")
    cache = cache_of(counted, device="gpu", budget_bytes=2 * UNIT)
    cache.preload("a", "b")
    cache.preload("c")
    assert {row.name: row.place for row in cache.stats()} == {"a": "cpu", "b": "gpu", "c": "gpu"}
    cache.preload("a")
    assert {row.name: row.place for row in cache.stats()} == {"a": "gpu", "b": "cpu", "c": "gpu"}
    assert set(counted.built.values()) == {1}


def test_without_eviction_nothing_moves_out() -> None:
    cache = cache_of(Counted("a", "b"), ram_bytes=UNIT, evict=False)
    cache.preload("a")
    with pytest.raises(ModelDoesNotFit), cache.use("b"):
        pass
    assert names_in(cache) == ["a"]


def test_a_destructor_lets_go_while_room_is_made() -> None:
    """A forgotten stream in a reference cycle is found by the collector, which the cache itself sets off."""
    counted = Counted("old", "held", "new")
    cache = cache_of(counted, ram_bytes=2 * UNIT)

    def stream() -> Iterator[int]:
        with cache.use("held"):
            yield 1

    class Holder:
        pass

    def work() -> None:
        with cache.use("old"):
            pass
        holder: Any = Holder()
        holder.itself, holder.stream = holder, stream()
        next(holder.stream)
        del holder
        with cache.use("new"):
            pass

    gc.disable()
    try:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(30)
    finally:
        gc.enable()
    assert not thread.is_alive() and all(row.pins == 0 for row in cache.stats())


def test_frozen_cache_loads_and_drops_nothing() -> None:
    counted = Counted("a", "b")
    cache = cache_of(counted)
    cache.preload("a", freeze=True)
    assert not cache.evict("a")
    with cache.use("a") as (a,):
        assert isinstance(a, nn.Module)
    with pytest.raises(ModelDoesNotFit, match="frozen"), cache.use("b"):
        pass
    assert counted.built == {"a": 1, "b": 0}


def test_threads_build_each_component_once() -> None:
    counted = Counted("a", "b", pause=0.02)
    cache = cache_of(counted)
    seen: list[int] = []

    def work() -> None:
        with cache.use("a", "b") as (a, b):
            seen.append(id(a) + id(b))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(seen) == 8 and len(set(seen)) == 1
    assert counted.built == {"a": 1, "b": 1}
    assert all(row.pins == 0 for row in cache.stats())


def test_a_pin_is_taken_while_another_component_is_being_built() -> None:
    """A forward pass of a loaded model does not wait for the construction lock."""
    counted = Counted("ready", "slow")
    cache = cache_of(counted)
    cache.preload("ready")
    counted.pause = 0.5
    builder = threading.Thread(target=lambda: cache.preload("slow"))
    builder.start()
    began = time.perf_counter()
    with cache.use("ready"):
        waited = time.perf_counter() - began
    builder.join(10)
    assert waited < 0.25


def test_eviction_races_with_use() -> None:
    cache = cache_of(Counted("a", "b", "c"), ram_bytes=2 * UNIT)
    stop = threading.Event()
    errors: list[Exception] = []

    def evict() -> None:
        while not stop.wait(0.001):
            for name in "abc":
                cache.evict(name)

    def work() -> None:
        try:
            for i in range(12):
                with cache.use("abc"[i % 3]) as (model,):
                    assert model(torch.zeros(1, 1000)).shape == (1, 1)
        except Exception as e:
            errors.append(e)

    evictor, worker = threading.Thread(target=evict), threading.Thread(target=work)
    evictor.start()
    worker.start()
    worker.join(30)
    stop.set()
    evictor.join(30)
    assert not errors
    assert all(row.pins == 0 for row in cache.stats())


def test_bytes_count_parameters_and_buffers() -> None:
    assert module_bytes(nn.BatchNorm1d(10)) == 4 * 4 * 10 + 8
    assert module_bytes("a tokenizer") == 0


def test_placement_follows_the_runtime() -> None:
    runtime = Runtime("cuda", torch.bfloat16, "a GPU was found.")
    assert Placement.of(runtime).dtype is torch.bfloat16
    assert Placement.of(runtime, "float32").dtype is torch.float32
    assert Placement.of(runtime).device == "cuda"
