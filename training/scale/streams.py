"""Samples streamed from WebDataset shards or Hugging Face datasets, whatever names their fields have.

shards/{000..099}.tar     WebDataset, found by its ending
a folder of save_to_disk  Hugging Face datasets, found by its dataset_info.json
*.parquet, *.jsonl        likewise, streamed; images inside, or by paths beside the file
owner/name                likewise, streamed from the hub
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.colours import to_hex
from pipelines.errors import BadImage, BadLayout, BadSetting, UserError
from pipelines.types import FULL, Box, Element, Layout
from pipelines.vlad.fonts import default_fonts

SHUFFLED = 1000  # samples among which the next one is drawn
LEAST_LETTERS = 0.012  # height of the image below which a word is not learned
MOST_TEXTS = 12  # words of an image that become elements


@dataclass(frozen=True)
class Sample:
    """One image with what is known of it.

    Attributes:
        image: RGB. prompt: what it shows, "" = unknown. layout: where which text stands, None = unknown. turns:
        (question, answer) pairs about it.
    """

    image: Image.Image
    prompt: str = ""
    layout: Layout | None = None
    turns: tuple[tuple[str, str], ...] = ()


# -- forms: what the fields of a row are called -----------------------------------------------------------------------


def of_posters(row: Mapping[str, Any]) -> Sample:
    """Ours: "image" and "layout", as `training.data.dataset` knows it, in one row or in files of one name."""
    layout = Layout.from_dict(_json(row["layout"] if "layout" in row else row["json"]["layout"]))
    return Sample(_image(row), layout.prompt, layout)


def of_mario(row: Mapping[str, Any]) -> Sample:
    """MARIO-style: "caption", and "ocr" with a line for each word: the word, eight coordinates of its corners in pixels
    divided by commas, and a confidence.
    """
    image, caption = _image(row), _text(row, "caption", "caption.txt", "txt").strip()
    return Sample(image, caption, layout_of_words(image, caption, words_of(_text(row, "ocr", "ocr.txt"))))


def of_llava(row: Mapping[str, Any]) -> Sample:
    """LLaVA-Pretrain, LLaVAR, LLaVA-NeXT: "conversations" of {"from": "human" or "gpt", "value"}, and "image"."""
    said = row["conversations"] if "conversations" in row else row["json"]["conversations"]
    told = [(_one(s["from"]), str(s["value"]).replace("<image>", "").strip()) for s in _json(said)]
    pairs = tuple((a[1], b[1]) for a, b in zip(told[::2], told[1::2], strict=False) if (a[0], b[0]) == ("user", "gpt"))
    if not pairs:
        raise BadSetting("A conversation has no question with an answer.")
    return Sample(_image(row), pairs[0][1], None, pairs)


FORMS: dict[str, Callable[[Mapping[str, Any]], Sample]] = {"posters": of_posters, "mario": of_mario, "llava": of_llava}


def _one(speaker: str) -> str:
    return {"human": "user", "user": "user", "gpt": "gpt", "assistant": "gpt"}.get(speaker, speaker)


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, (str, bytes)) else value


def _text(row: Mapping[str, Any], *names: str) -> str:
    for name in names:
        if name in row:
            value = row[name]
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    raise KeyError(names[0])


def _image(row: Mapping[str, Any]) -> Image.Image:
    """The image of a row: a picture, its bytes, or {"bytes", "path"} as parquet files have it."""
    value = next((row[k] for k in ("image", "jpg", "jpeg", "png", "webp") if row.get(k) is not None), None)
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, bytes):
        value = io.BytesIO(value)
    if value is None:
        raise BadImage("A row has no image.")
    with Image.open(value) if not isinstance(value, Image.Image) else value as image:
        return image.convert("RGB")


def words_of(ocr: str) -> list[tuple[str, np.ndarray]]:
    """Lines of recognised words -> (word, corners (4, 2) in pixels); lines of another form are left out."""
    found = []
    for line in ocr.splitlines():
        word, *rest = line.strip().split(" ")
        try:
            corners = np.array([float(c) for c in rest[0].split(",")]).reshape(4, 2)
        except (IndexError, ValueError):
            continue
        found.append((word, corners))
    return found


def layout_of_words(image: Image.Image, prompt: str, words: list[tuple[str, np.ndarray]]) -> Layout | None:
    """A layout with a text element for each word, the largest first, in the colours that are there; None where there is
    no word that can be learned.
    """
    pixels, font = np.asarray(image), default_fonts().of("sans-serif")[0]
    elements = []
    for word, corners in words:
        (x0, y0), (x1, y1) = corners.min(0) / image.size, corners.max(0) / image.size
        if not word or y1 - y0 < LEAST_LETTERS or x1 <= x0:
            continue
        try:
            box = Box.clipped(float(x0), float(y0), float(x1), float(y1), LEAST_LETTERS)
            elements.append(Element("text", box, word[:200], ink(pixels, box), font=font))
        except BadLayout:
            continue
    if not elements:
        return None
    elements.sort(key=lambda e: -e.box.area)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    ground = Element("background", FULL, "", to_hex(tuple(float(v) for v in np.median(edge, 0))))
    return Layout(prompt[:2000], (ground, *elements[:MOST_TEXTS]), prompt[:2000])


def ink(pixels: np.ndarray, box: Box) -> str:
    """The colour of the letters in a box of an image (H, W, 3): that of the pixels furthest from the box's edge."""
    h, w = pixels.shape[:2]
    part = pixels[
        int(box.y0 * h) : max(int(box.y1 * h), int(box.y0 * h) + 1), int(box.x0 * w) : max(int(box.x1 * w), 1)
    ]
    part = part.reshape(-1, part.shape[1], 3).astype(np.float32)
    edge = np.median(np.concatenate([part[0], part[-1]]), 0)
    flat = part.reshape(-1, 3)
    far = np.linalg.norm(flat - edge, axis=1)
    return to_hex(tuple(float(v) for v in np.median(flat[far >= np.quantile(far, 0.85)], 0)))


# -- sources ----------------------------------------------------------------------------------------------------------


def shards_of(source: str) -> list[str]:
    """The shards that a name with braces stands for; one for every other name."""
    from webdataset.shardlists import expand_urls

    return list(expand_urls(source)) if source.endswith(".tar") else [source]


def rows(source: str, seed: int, part: int = 0, parts: int = 1) -> Iterator[Mapping[str, Any]]:
    """All rows of a source again and again, shuffled anew each time, the same ones for the same seed.

    Args:
        part, parts: only every `parts`-th shard from the `part`-th one.

    Raises:
        BadSetting: there is nothing of that name, or no row.
    """
    epoch = 0
    while True:
        count = 0
        shards = shards_of(source)[part::parts]
        for row in _tars(shards, seed + epoch) if source.endswith(".tar") else _tables(source, seed + epoch):
            count += 1
            yield row
        if not count:
            raise BadSetting(f"{source} holds no samples; give shards, a dataset or its folder.")
        epoch += 1


def _tars(shards: list[str], seed: int) -> Iterator[Mapping[str, Any]]:
    import webdataset

    for path in shards:
        if "://" not in path and not Path(path).is_file():
            raise BadSetting(
                f"{path} does not exist; give the path of WebDataset shards, such as data/{{000..099}}.tar."
            )
    shuffled, rng = list(shards), random.Random(seed)
    rng.shuffle(shuffled)
    made = webdataset.WebDataset(shuffled, shardshuffle=False, empty_check=False, nodesplitter=lambda urls: urls)
    return iter(made.shuffle(SHUFFLED, rng=rng).decode(_undecoded))


def _undecoded(key: str, value: bytes) -> Any:
    """JSON is read; images and texts are left to the form."""
    return json.loads(value) if key.endswith("json") else value


def _tables(source: str, seed: int) -> Iterator[Mapping[str, Any]]:
    import datasets

    path = Path(source)
    if (path / "dataset_info.json").is_file() or (path / "state.json").is_file():
        return iter(datasets.load_from_disk(source).shuffle(seed=seed))
    kind = {".parquet": "parquet", ".jsonl": "json", ".json": "json"}.get(path.suffix)
    try:
        if kind is not None:
            found = datasets.load_dataset(kind, data_files=source, split="train", streaming=True)
        else:
            found = datasets.load_dataset(source, split="train", streaming=True)
    except Exception as e:
        raise BadSetting(f"{source} cannot be read as a dataset ({type(e).__name__}); check its name or path.") from e
    beside = path.parent if kind else Path()
    return ({**r, **_found(r, beside)} for r in found.shuffle(seed=seed, buffer_size=SHUFFLED))


def _found(row: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The image of a row that only has its path, beside the file that names it."""
    name = row.get("image")
    return {"image": str(folder / name)} if isinstance(name, str) else {}


def samples(
    source: str,
    form: str,
    seed: int = 0,
    skip: int = 0,
    part: int = 0,
    parts: int = 1,
    keep: Callable[[Sample], bool] = lambda sample: True,
) -> Iterator[Sample]:
    """The samples of one process of `parts`, those that cannot be read or are not kept left out.

    Where the shards can be dealt out evenly, each process reads its own. Else each reads the whole stream and takes
    every `parts`-th sample of it, and all of them together take what one alone would.

    Args:
        form: one of FORMS. seed: of the order. skip: samples that this process has had already.

    Raises:
        BadSetting: as `rows`, an unknown form, or rows without the form's fields.
    """
    if form not in FORMS:
        raise BadSetting(f"The form {form!r} of a dataset is unknown; use one of {', '.join(FORMS)}.")
    if parts > 1 and len(shards_of(source)) % parts == 0:
        return islice(_good(source, form, seed, keep, part, parts), skip, None)
    return islice(_good(source, form, seed, keep), part + skip * parts, None, parts)


def _good(
    source: str, form: str, seed: int, keep: Callable[[Sample], bool], part: int = 0, parts: int = 1
) -> Iterator[Sample]:
    bad = 0
    for row in rows(source, seed, part, parts):
        try:
            sample = FORMS[form](row)
        except KeyError as e:
            raise BadSetting(f"The rows of {source} have no field {e}; they are not of the form {form}.") from e
        except (UserError, OSError, ValueError) as e:
            bad += 1
            if bad > SHUFFLED:
                raise BadSetting(f"{source} has nothing but rows that cannot be used; the last one: {e}") from e
            continue
        if keep(sample):
            bad = 0
            yield sample
