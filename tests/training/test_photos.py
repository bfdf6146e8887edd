"""Real pictures: the same for the same seed, no source in both splits, every licence known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data import photos
from training.data.assets import Assets
from training.data.build_photos import _lamps_filled, small
from training.data.splits import SPLITS, combination, fraction, in_split

HELD = next(f"photo-{i}.jpg" for i in range(100) if fraction("photo", f"photo-{i}.jpg") < 0.15)
KEPT = next(f"photo-{i}.jpg" for i in range(100) if fraction("photo", f"photo-{i}.jpg") > 0.15)


@pytest.fixture(scope="module")
def assets(small_cache: Path) -> Assets:
    return Assets(small_cache)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A held-out photograph, one for training and a panorama in each split."""
    folder = tmp_path_factory.mktemp("sources")
    rng, records = np.random.default_rng(0), []
    for i, (source, panorama) in enumerate(((HELD, False), (KEPT, False), (HELD, True), (KEPT, True))):
        pixels = rng.integers(0, 255, (8, 16, 3), np.uint8)
        Image.fromarray(pixels).resize((480, 240), Image.Resampling.BICUBIC).save(folder / f"{i}-x.jpg")
        record = {"file": f"{i}-x.jpg", "phrase": "a cat", "source": source, "licence": "CC0-1.0", "panorama": panorama}
        records.append(
            {**record, "group": "place" if panorama else "photo", "package": "p", "version": "1", "path": "x"}
        )
    (folder / "sources.json").write_text(json.dumps(records))
    return folder


def test_a_picture_depends_on_its_seed_alone(assets: Assets, sources: Path) -> None:
    first, second = (photos.Synthesiser(assets, "train", sources) for _ in range(2))
    second.sample(photos.rng_of(9, "train", 1))
    for i in range(12):
        a, b = (s.sample(photos.rng_of(3, "train", i)) for s in (first, second))
        assert a.record() == b.record() and np.array_equal(np.asarray(a.image), np.asarray(b.image))
        assert a.image.size == (photos.SIZE, photos.SIZE) and a.image.mode == "RGB"
    other = first.sample(photos.rng_of(4, "train", 0)).image
    assert not np.array_equal(np.asarray(other), np.asarray(first.sample(photos.rng_of(3, "train", 0)).image))


def test_no_source_is_in_both_splits(assets: Assets, sources: Path) -> None:
    found = {}
    for split in SPLITS:
        pictures = photos.cached_pictures(assets, split) + photos.folder_pictures(sources, split, assets)
        assert all(p.licence in photos.LICENCES and p.group in photos.GROUPS for p in pictures)
        found[split] = {p.source for p in pictures}
    assert HELD in found["test"] and KEPT in found["train"] and not found["train"] & found["test"]
    for kind in assets.views:
        for split in SPLITS:
            assert {assets.view(kind, v).source for v in assets.variants(kind, split)} <= found[split]


def test_the_same_panorama_under_two_names_is_one_source(assets: Assets, monkeypatch: pytest.MonkeyPatch) -> None:
    held, kept = ([p.source for p in photos.cached_pictures(assets, s)][0] for s in ("test", "train"))
    monkeypatch.setattr(photos, "SAME", {held: kept})
    assert held not in photos.cached_splits(assets)
    counts = [sum(p.source == kept for p in photos.cached_pictures(assets, s)) for s in SPLITS]
    assert counts == [2, 0]


def test_drawings_are_named_and_combinations_belong_to_the_split(assets: Assets) -> None:
    for split in SPLITS:
        synthesiser = photos.Synthesiser(assets, split)
        drawn = [synthesiser.sample(photos.rng_of(1, split, i)) for i in range(80)]
        with_objects = [p.objects for p in drawn if p.objects]
        assert 4 <= len(with_objects) <= 40
        for names in with_objects:
            assert len(names) <= photos.MAX_OBJECTS and all(n in assets.objects for n in names)
            assert len(names) == 1 or in_split("objects", combination(names), split)


@pytest.mark.parametrize("size", [(192, 192), (1024, 300), (60, 200)])
def test_crops_of_any_shape(size: tuple[int, int]) -> None:
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    for i in range(20):
        assert photos.cut(photos.rng_of(0, "train", i), image).size == (photos.SIZE, photos.SIZE)


def test_set_on_disk(small_cache: Path, sources: Path, tmp_path: Path) -> None:
    images, records = photos.load(photos.generate(6, 3, "train", tmp_path, sources, small_cache))
    assert images.shape == (6, 256, 256, 3) and images.dtype == np.uint8
    assert [r["index"] for r in records] == list(range(6))
    assert all(set(r) == {"index", "phrase", "source", "licence", "objects"} for r in records)
    again, same = photos.load(photos.generate(3, 3, "train", tmp_path / "less", sources, small_cache))
    assert np.array_equal(again, images[:3]) and same == records[:3]


def test_held_out_files(small_cache: Path, sources: Path, tmp_path: Path) -> None:
    found = photos.write_files(sources, tmp_path, small_cache)
    assert {r["source"] for r in found} == {HELD} and len(found) == 1 + photos.VIEWS
    sizes = {Image.open(tmp_path / r["file"]).size for r in found}
    assert sizes == {(480, 240), (photos.VIEW_PX, photos.VIEW_PX)}


def test_unknown_licence_is_refused(sources: Path, tmp_path: Path) -> None:
    records = json.loads((sources / "sources.json").read_text())
    (tmp_path / "sources.json").write_text(json.dumps([{**records[0], "licence": "CC-BY-SA-4.0"}]))
    with pytest.raises(ValueError, match="CC-BY-SA-4.0"):
        photos.read_sources(tmp_path)


def test_building_keeps_size_and_hides_overflow() -> None:
    assert small(Image.new("RGBA", (2000, 500))).size == (1024, 256)
    assert small(Image.new("P", (30, 20))).mode == "RGB"
    radiance = np.full((9, 9, 3), 0.2, np.float32)
    radiance[4, 4], radiance[4, 5], radiance[0, 0] = (0.0, 0.0, 900.0), (-0.1, 0.0, 0.0), (0.0, 0.1, 0.1)
    filled = _lamps_filled(radiance)
    assert (filled[4, 4:6] == 1000).all() and (filled[0, 0] == radiance[0, 0]).all()
    assert filled[4, 3].tolist() == pytest.approx([0.2] * 3)
    assert np.isfinite(_lamps_filled(np.full((3, 3, 3), np.nan, np.float32))).all()
