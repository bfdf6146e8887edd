"""Device, seeds, the GPU decorator, and pixels to tensors and back."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines import images, runtime
from pipelines.errors import BadSetting


def test_without_gpu_the_cpu_is_chosen_and_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert runtime.detect().describe() == "cpu, float32: no GPU was found."
    assert runtime.detect("cpu").describe() == "cpu, float32: the CPU was asked for."


@pytest.mark.parametrize("device", ["cuda", "mps", "tpu"])
def test_a_device_that_is_not_here_is_one_sentence(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(BadSetting, match=r"use .*\.$"):
        runtime.detect(device)


@pytest.mark.parametrize(("capability", "dtype"), [((7, 5), torch.float32), ((9, 0), torch.bfloat16)])
def test_precision_follows_the_gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], dtype: torch.dtype
) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    found = runtime.detect()
    assert (found.device, found.dtype) == ("cuda", dtype)
    assert found.reason.startswith("Some GPU")


def test_a_seed_means_one_noise_and_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    first, second = (torch.randn(4, generator=runtime.make_generator(7)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())
    assert runtime.make_generator(7).device.type == "cpu"


@pytest.mark.parametrize("seed", [-1, 2**31, 1.5, True, None, "1"])
def test_a_bad_seed_is_refused(seed: object) -> None:
    with pytest.raises(BadSetting):
        runtime.make_generator(seed)  # type: ignore[arg-type]


def test_gpu_task_is_nothing_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)

    def task() -> int:
        return 1

    assert runtime.gpu_task(duration=5)(task) is task


def test_gpu_task_is_the_decorator_of_spaces_there(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    fake = types.ModuleType("spaces")
    fake.GPU = lambda task, duration: calls.append(duration) or task  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", fake)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert runtime.gpu_task(duration=5)(len) is len
    assert calls == [5]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_pixels_survive_the_round_trip(mode: str) -> None:
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    pixels = np.arange(256 * channels, dtype=np.uint8).reshape(16, 16, channels)
    image = Image.fromarray(pixels.squeeze(), mode=mode)
    x = images.to_tensor(image, mode)
    assert x.shape == (channels, 16, 16) and x.dtype == torch.float32
    assert (x.min(), x.max()) == (-1, 1)
    assert np.array_equal(np.asarray(images.to_image(x)), np.asarray(image))


def test_values_outside_the_range_are_clipped_and_nan_is_grey() -> None:
    x = torch.tensor([-3.0, 3.0, float("nan")]).view(1, 1, 1, 3)
    assert np.asarray(images.to_images(x)[0]).tolist() == [[0, 255, 128]]


def test_batches_and_arrays_agree() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    batch = images.to_batch([Image.fromarray(p) for p in pixels])
    assert torch.equal(batch, images.from_uint8(pixels))
    assert torch.equal(images.to_uint8(batch), torch.from_numpy(pixels))


def test_wrong_shapes_and_types_are_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        images.to_batch([Image.new("RGB", (4, 4)), Image.new("RGB", (5, 4))])
    with pytest.raises(ValueError, match="uint8"):
        images.from_uint8(torch.zeros(4, 4, 3))
    with pytest.raises(ValueError, match="C of 1, 3 or 4"):
        images.to_images(torch.zeros(1, 2, 4, 4))
