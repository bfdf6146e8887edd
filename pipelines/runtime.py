"""Where models run and in which precision, with the reason as a sentence; seeds; the GPU decorator of Spaces."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from pipelines.errors import BadSetting

Task = TypeVar("Task", bound=Callable[..., Any])
DEVICES = ("auto", "cpu", "cuda", "mps")
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Runtime:
    """device: "cpu", "cuda" or "mps"; dtype: precision of the weights; reason: one sentence for the app's panel."""

    device: str
    dtype: torch.dtype
    reason: str

    def describe(self) -> str:
        """For example "cpu, float32: no GPU was found."."""
        return f"{self.device}, {dtype_name(self.dtype)}: {self.reason}"


def dtype_name(dtype: torch.dtype) -> str:
    """torch.float32 -> "float32"."""
    return str(dtype).removeprefix("torch.")


def on_zero_gpu() -> bool:
    """True where a GPU is lent per call (ZeroGPU): models are placed once, in the main thread, before the launch."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true", "t")


def detect(device: str = "auto") -> Runtime:
    """Choose device and dtype; "auto" takes the first that works of cuda, mps and cpu.

    Raises:
        BadSetting: an unknown device, or one that is not here.
    """
    if device not in DEVICES:
        raise BadSetting(f"Device {device!r} is unknown; use one of {', '.join(DEVICES)}.")
    if device in ("auto", "cuda") and torch.cuda.is_available():
        return _cuda()
    if device == "cuda":
        raise BadSetting("No CUDA GPU was found; use the device auto or cpu.")
    if device in ("auto", "mps") and torch.backends.mps.is_available():
        return Runtime("mps", torch.float32, "Apple's GPU was found; full precision is the safe one there.")
    if device == "mps":
        raise BadSetting("No Apple GPU was found; use the device auto or cpu.")
    why = "the CPU was asked for." if device == "cpu" else "no GPU was found."
    return Runtime("cpu", torch.float32, why)


def _cuda() -> Runtime:
    if on_zero_gpu():
        return Runtime("cuda", torch.bfloat16, "a GPU is lent for each call.")
    name = torch.cuda.get_device_name()
    if torch.cuda.get_device_capability() >= (8, 0):
        return Runtime("cuda", torch.bfloat16, f"{name} was found and computes in bfloat16.")
    return Runtime("cuda", torch.float32, f"{name} was found and has no bfloat16 units.")


def make_generator(seed: int) -> torch.Generator:
    """A generator of its own for one request, always on the CPU, so that a seed means the same noise on any device.

    Raises:
        BadSetting: the seed is not a whole number from 0 to MAX_SEED.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise BadSetting(f"The seed is {seed!r}; give a whole number from 0 to {MAX_SEED}.")
    return torch.Generator(device="cpu").manual_seed(seed)


def gpu_task(duration: int = 60) -> Callable[[Task], Task]:
    """Decorator for a function or generator that needs the GPU for up to `duration` seconds.

    On ZeroGPU it is `spaces.GPU` (the package `pipelines` imports `spaces` before torch); anywhere else it returns the
    function itself.
    """

    def decorate(task: Task) -> Task:
        if not on_zero_gpu():
            return task
        import spaces

        return spaces.GPU(task, duration=duration)

    return decorate
