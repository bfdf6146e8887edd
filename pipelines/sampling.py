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


def schedule(steps: int, start: float, shift: float = 1.0) -> FlowMatchEulerDiscreteScheduler:
    """A rectified-flow Euler schedule whose first noise level is `start` in (0, 1] and whose last is 0.

    Args:
        shift: how much longer it stays at high noise than evenly spaced levels would, as SD3's; 1 = not at all.
    """
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    even = start / (shift - (shift - 1) * start)  # which the scheduler shifts to `start`
    scheduler.set_timesteps(sigmas=[even * (1 - i / steps) for i in range(steps)])
    return scheduler


def guided(conditional: CleanPrediction, unconditional: CleanPrediction, scale: float) -> CleanPrediction:
    """Classifier-free guidance on x_0; a scale of 1 is the conditional prediction alone and costs nothing more."""
    if scale == 1:
        return conditional

    def predict(x: Tensor, sigma: Tensor) -> Tensor:
        free = unconditional(x, sigma)
        return free + scale * (conditional(x, sigma) - free)

    return predict


def anchored(predict: CleanPrediction, canvas: Tensor, where: Tensor, until: float) -> CleanPrediction:
    """Guidance by glyphs without training: above a noise level x_0 is the canvas where letters stand.

    Args:
        canvas: (B, C, h, w) z_t. where: (B or 1, 1, h, w) share of each cell that is kept. until: the noise level from
        which on the denoiser is free; 1 = from the beginning.
    """

    def predict_anchored(x: Tensor, sigma: Tensor) -> Tensor:
        clean = predict(x, sigma)
        return torch.lerp(clean, canvas, where.to(clean)) if float(sigma[0]) > until else clean

    return predict_anchored


def denoise(
    predict: CleanPrediction, canvas: Tensor, noise: Tensor, steps: int, start: float, shift: float = 1.0
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Reverse process, VLAD eq. (5), from the canvas noised to `start` (1: from pure noise).

    mu follows from x_0 and x_t; the Euler step of the rectified flow has sigma_t = 0, so the only randomness is
    `noise`.

    Args:
        predict: the denoiser. canvas, noise: (B, C, h, w). shift: see `schedule`.

    Yields:
        (finished steps, predicted x_0, x_t).
    """
    scheduler = schedule(steps, start, shift)
    x = add_noise(canvas, noise, torch.full((len(noise),), start, device=noise.device))
    for i, t in enumerate(scheduler.timesteps):
        sigma = scheduler.sigmas[i].to(x.device)
        clean = predict(x, sigma.expand(len(x)))
        x = scheduler.step((x - clean) / sigma, t, x).prev_sample
        yield i + 1, clean, x
