"""Pages of text: deterministic, full of words inside their boxes, legible against what is behind them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from pipelines.colours import contrast, to_rgb
from training.data.assets import Assets
from training.data.dataset import generate, load
from training.data.pages import LEAST_CONTRAST, fonts_of, page
from training.data.questions import converse


@pytest.fixture(scope="module")
def assets(small_cache: Path) -> Assets:
    return Assets(small_cache)


def test_the_same_source_gives_the_same_page(assets: Assets) -> None:
    a, b = (page(random.Random(3), assets) for _ in range(2))
    assert a.layout == b.layout and np.array_equal(np.asarray(a.image), np.asarray(b.image))


@pytest.mark.parametrize("seed", range(6))
def test_texts_are_apart_and_stand_out(assets: Assets, seed: int) -> None:
    elements = page(random.Random(seed), assets).layout.elements
    ground, texts = elements[0], elements[1:]
    assert ground.kind == "background" and len(texts) >= 2 and all(e.kind == "text" and e.text for e in texts)
    for i, a in enumerate(texts):
        assert all(a.box.intersection(b.box) == 0 for b in texts[i + 1 :])
        if len({e.colour for e in texts} - {"#ffffff", "#000000"}):  # colours that read were found
            assert contrast(to_rgb(a.colour or ""), to_rgb(ground.colour or "")) >= LEAST_CONTRAST


def test_a_set_of_pages_has_conversations(tmp_path: Path, assets: Assets, small_cache: Path) -> None:
    images, records = load(generate(3, 1, "train", tmp_path, assets=small_cache, kind="pages"))
    assert images.shape == (3, 256, 256, 3)
    for record in records:
        kinds = {e.kind for e in converse(record, random.Random(0), 12, assets)}
        assert kinds & {"read", "read_where", "text_presence"}


def test_held_out_fonts_are_not_trained_on(assets: Assets) -> None:
    train, test = set(fonts_of(assets, "train")), set(fonts_of(assets, "test"))
    assert train and (train & test).isdisjoint(assets.extra_fonts)
