"""Shelves of objects: deterministic, objects apart, counted as they are asked for."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from training.data.assets import Assets
from training.data.dataset import generate, load
from training.data.questions import converse
from training.data.shelves import MOST, shelf
from training.data.splits import combination, in_split


@pytest.fixture(scope="module")
def assets(small_cache: Path) -> Assets:
    return Assets(small_cache)


def test_the_same_source_gives_the_same_shelf(assets: Assets) -> None:
    a, b = (shelf(random.Random(3), assets) for _ in range(2))
    assert a.layout == b.layout and np.array_equal(np.asarray(a.image), np.asarray(b.image))


@pytest.mark.parametrize("seed", range(8))
def test_objects_are_apart_named_and_counted(assets: Assets, seed: int) -> None:
    made = shelf(random.Random(seed), assets)
    shown = [e for e in made.layout.elements if e.kind == "object"]
    assert 1 <= len(shown) <= MOST and len(made.object_names) == len(shown)
    for i, name in made.object_names.items():
        assert made.layout.elements[i].text == name
    assert Counter(made.object_names.values()) == Counter(dict(made.groups))
    for i, a in enumerate(shown):
        assert all(a.box.intersection(b.box) == 0 for b in shown[i + 1 :])
        assert 0 <= a.box.x0 < a.box.x1 <= 1 and 0 <= a.box.y0 < a.box.y1 <= 1


def test_a_set_of_shelves_has_conversations(tmp_path: Path, assets: Assets, small_cache: Path) -> None:
    images, records = load(generate(3, 1, "train", tmp_path, assets=small_cache, kind="shelves"))
    assert images.shape == (3, 256, 256, 3) and images.std() > 0
    for record in records:
        kinds = {e.kind for e in converse(record, random.Random(0), 12, assets)}
        assert kinds & {"presence", "count", "objects"}


def test_held_out_combinations_are_not_shown(assets: Assets) -> None:
    for seed in range(20):
        names = dict(shelf(random.Random(seed), assets).groups)
        assert in_split("objects", combination(names), "train")
