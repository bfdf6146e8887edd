"""Both pipelines on a device of their own: what they compute there is what they compute on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines import build_cache
from pipelines.cache import ModelCache, Placement
from pipelines.vlad.pipeline import VladPipeline
from pipelines.vlsa.pipeline import VlsaPipeline
from pipelines.vlsa.types import Message
from tests.elsewhere import NAME, elsewhere

PROMPT = "A red mug and the text 'FRESH COFFEE' on a cream background"
ROUNDING = 4  # of 255


@pytest.fixture(scope="module")
def away(mini_folder: Any, vlsa_folder: Any) -> ModelCache:
    """The models of both pipelines, all of them on the second device when they compute."""
    made = build_cache("mini")
    made.placement = Placement(NAME)
    return made


def test_what_fails_on_a_gpu_fails_there() -> None:
    with elsewhere():
        x = torch.arange(6.0).view(2, 3).to(NAME).requires_grad_()
        (x * 2 + x[torch.tensor([1, 0])]).sum().backward()  # an index may be on the CPU
        assert x.grad is not None and x.grad.cpu().tolist() == [[3.0] * 3] * 2
        assert (x.detach() + torch.tensor(1.0)).device.type == NAME  # and so may a scalar
        with pytest.raises(RuntimeError, match=r"tensors on two devices, those of shape \[\(3,\)\]"):
            x + torch.ones(3)
        with pytest.raises(RuntimeError, match="numpy"):
            x.detach().numpy()
        with torch.inference_mode():
            assert torch.zeros(2).to(x).device.type == torch.tensor([1], device=NAME).device.type == NAME


def alike(a: Image.Image, b: Image.Image) -> bool:
    return a.size == b.size and int(np.abs(np.asarray(a, int) - np.asarray(b, int)).max()) <= ROUNDING


def test_a_poster_is_planned_drawn_and_read_back(vlad: VladPipeline, away: ModelCache) -> None:
    known = vlad.plan(PROMPT, seed=3)
    image = vlad.generate(known, seed=3).images[0]
    (expected,), asked = vlad.read_back(known, [image]), vlad.similarity([PROMPT], [image])
    there = VladPipeline(away, "mini")
    with elsewhere():
        layout, result = there.plan(PROMPT, seed=3), there.generate(known, seed=3)
        (read,), likeness = there.read_back(known, [image]), there.similarity([PROMPT], [image])
    for a, b in zip(layout.elements, known.elements, strict=True):
        assert np.allclose(a.box.as_list(), b.box.as_list(), atol=1e-3)
    assert alike(result.images[0], image) and {r.place for r in away.stats()} >= {NAME}
    assert read.alignment == pytest.approx(expected.alignment, abs=1e-3)
    assert likeness == pytest.approx(asked, abs=1e-3)


def test_an_image_is_talked_about_rebuilt_and_tokenised(vlad: VladPipeline, vlsa: Any, away: ModelCache) -> None:
    image = vlad.generate(vlad.plan(PROMPT, seed=3), seed=3).images[0]
    question, view = [Message("user", "What does it say?", image)], vlsa.view(image)

    def found(pipe: Any) -> tuple[str, Image.Image, np.ndarray]:
        (*_, reply), (*_, rebuilt) = pipe.chat(question, max_tokens=2), pipe.reconstruct(view, steps=2, seed=1)
        return reply.text, rebuilt.image, pipe.tokens(view).true

    said, rebuilt, codes = found(vlsa)
    with elsewhere():
        answers = found(VlsaPipeline(away, "mini"))
    assert answers[0] == said != "" and alike(answers[1], rebuilt) and np.array_equal(answers[2], codes)
