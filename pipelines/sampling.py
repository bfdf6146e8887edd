"""Sampling as pure functions: noise, schedule, guidance and the denoising loop; models and schedulers come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from pipelines.models.vfe import add_noise
from pipelines.runtime import make_generator

CleanPrediction = Callable[[Tensor, Tensor], Tensor]  # (x_t, sigma (B,)) -> x_0


def get_noise(seeds: Sequence[int], shape: tuple[int, ...]) -> Tensor:
    """Standard Gaussian noise (len(seeds), *shape), one CPU generator a seed: an image does not depend on its batch."""
    return torch.stack([torch.randn(shape, generator=make_generator(s)) for s in seeds])


def schedule(steps: int, start: float) -> FlowMatchEulerDiscreteScheduler:
    """A rectified-flow Euler schedule whose first noise level is `start` in (0, 1] and whose last is 0."""
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
    scheduler.set_timesteps(sigmas=[start * (1 - i / steps) for i in range(steps)])
    return scheduler


def guided(conditional: CleanPrediction, unconditional: CleanPrediction, scale: float) -> CleanPrediction:
    """Classifier-free guidance on x_0; a scale of 1 is the conditional prediction alone and costs nothing more."""
    if scale == 1:
        return conditional

    def predict(x: Tensor, sigma: Tensor) -> Tensor:
        free = unconditional(x, sigma)
        return free + scale * (conditional(x, sigma) - free)

    return predict


def denoise(
    predict: CleanPrediction, canvas: Tensor, noise: Tensor, steps: int, start: float
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Reverse process, VLAD eq. (5), from the canvas noised to `start` (1: from pure noise).

    mu follows from x_0 and x_t; the Euler step of the rectified flow has sigma_t = 0, so the only randomness is
    `noise`.

    Args:
        predict: the denoiser. canvas, noise: (B, C, h, w).

    Yields:
        (finished steps, predicted x_0, x_t).
    """
    scheduler = schedule(steps, start)
    x = add_noise(canvas, noise, torch.full((len(noise),), start, device=noise.device))
    for i, t in enumerate(scheduler.timesteps):
        sigma = scheduler.sigmas[i].to(x.device)
        clean = predict(x, sigma.expand(len(x)))
        x = scheduler.step((x - clean) / sigma, t, x).prev_sample
        yield i + 1, clean, x
