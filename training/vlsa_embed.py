"""V of every picture, computed once by weights that stay, and the truth that cognition's requests are answered from.

    python -m training.vlsa_embed --run RUN --data DIR ... [--plain]

writes RUN/embedded/<name of DIR>/: v.npy (N, 64, width) float16, codes.npy (N, 32, 32) uint16, colours.npy (N, 8, 8, 3)
uint8, objects.npy (N, 64) int16 and grounds.npy (N, 64) uint8 as in `training.vlsa_batches.Sight`, and fills.npy (N, 2)
float32, how much of the frame's height and width each picture fills. With them a step of `training.vlsa_chat` costs
what its language model costs. What is there is not made again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipelines.images import to_uint8
from pipelines.models.perceiver import encode_views
from pipelines.vlsa.cognition import cell_colours
from pipelines.vlsa.loaders import load_part
from pipelines.vlsa.types import CELLS, CODE_GRID
from training.loop import best_device
from training.vlsa_batches import FRAMES, Pictures, load_pictures, sight
from training.vlsa_data import Conversations, load_conversations, load_names

CHUNK = 32  # pictures at a time, of one frame
ARRAYS = {"v": "f2", "codes": "u2", "colours": "u1", "objects": "i2", "grounds": "u1", "fills": "f4"}
OTHER = 0.2  # share of chunks in another frame than 2 x 2 tiles


@dataclass(frozen=True)
class Embedded:
    """A data set as the language model meets it: V (N, 64, width) float16, codes (N, 32, 32), colours (N, 8, 8, 3),
    objects (N, 64), grounds (N, 64) and fills (N, 2) of the pictures, names of objects, and conversations.
    """

    v: np.ndarray
    codes: np.ndarray
    colours: np.ndarray
    objects: np.ndarray
    grounds: np.ndarray
    fills: np.ndarray
    names: list[str]
    conversations: Conversations

    def __len__(self) -> int:
        return len(self.v)


def load_embedded(run: Path, data: Path) -> Embedded:
    """What `embed` wrote for a data set.

    Raises:
        FileNotFoundError: it has not been embedded by this run.
    """
    folder = run / "embedded" / data.name
    if not (folder / "done").exists():
        raise FileNotFoundError(f"{folder} is missing or unfinished; run training.vlsa_embed on {data} first.")
    arrays = {n: np.load(folder / f"{n}.npy", mmap_mode="r") for n in ARRAYS}
    return Embedded(**arrays, names=load_names(data), conversations=load_conversations(data))


def frame_of(rng: np.random.Generator, plain: bool) -> tuple[tuple[int, int], tuple[float, float]]:
    """Tile rows and columns of a chunk, and how much of them its pictures fill."""
    if plain or rng.random() > OTHER:
        return (2, 2), (1.0, 1.0)
    fill = (float(rng.uniform(0.7, 1)), float(rng.uniform(0.7, 1))) if rng.random() < 0.5 else (1.0, 1.0)
    return FRAMES[int(rng.integers(len(FRAMES)))], fill


def chunks(n: int, plain: bool, seed: int) -> Iterator[tuple[np.ndarray, tuple[int, int], tuple[float, float]]]:
    """Rows, frame and fill of one chunk of n pictures after the other."""
    rng = np.random.default_rng((seed, 83))
    order = np.arange(n) if plain else rng.permutation(n)
    for i in range(0, n, CHUNK):
        yield order[i : i + CHUNK], *frame_of(rng, plain)


@torch.no_grad()
def embed(
    data: Pictures, run: Path, checkpoints: Path, folder: Path, plain: bool, limit: int | None = None, seed: int = 0
) -> None:
    """Write a data set's `Embedded` files.

    Args:
        run: with the parts `vision` and `perceiver`. checkpoints: where `vq` is. plain: every picture in 2 x 2 tiles.
        limit: only so many pictures, from the first.
    """
    device = best_device()
    vision, perceiver = (load_part(name, run).to(device).eval() for name in ("vision", "perceiver"))
    vq = load_part("vq", checkpoints).to(device, memory_format=torch.channels_last).eval()
    n, width = min(len(data), limit or len(data)), perceiver.config.width
    folder.mkdir(parents=True, exist_ok=True)
    shapes = {
        "v": (CELLS**2, width), "codes": (CODE_GRID, CODE_GRID), "colours": (CELLS, CELLS, 3),
        "objects": (CELLS**2,), "grounds": (CELLS**2,), "fills": (2,),
    }  # fmt: skip
    out = {
        k: np.lib.format.open_memmap(folder / f"{k}.npy", mode="w+", dtype=d, shape=(n, *shapes[k]))
        for k, d in ARRAYS.items()
    }
    for rows, frame, fill in chunks(n, plain, seed):
        s = sight(data, rows, frame, fill).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):  # single precision is faster on a CPU
            v_lo, v_hi = encode_views(vision, s.snapshot, s.tiles, s.frame, perceiver.config.beside > 0)
            v, _, _ = perceiver(v_lo, v_hi, s.centres)
            codes = vq.indices(s.picture.contiguous(memory_format=torch.channels_last))
        out["v"][rows] = v.float().cpu().numpy().astype(np.float16)
        out["codes"][rows] = codes.cpu().numpy()
        out["objects"][rows], out["grounds"][rows] = s.objects.cpu().numpy(), s.grounds.cpu().numpy()
        out["fills"][rows] = fill
        out["colours"][rows] = [cell_colours(p) for p in to_uint8(s.picture).cpu().numpy()]
    for array in out.values():
        array.flush()
    (folder / "done").touch()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--run", type=Path, required=True, help="folder with vision and perceiver")
    p.add_argument("--data", type=Path, nargs="+", required=True)
    p.add_argument("--checkpoints", type=Path, default=Path("checkpoints/vlsa-mini"), help="where vq is")
    p.add_argument("--plain", action="store_true", help="every picture in 2 x 2 tiles, as for what is held out")
    p.add_argument("--limit", type=int, help="only so many pictures of each data set")
    p.add_argument("--threads", type=int)
    args = p.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    for data in args.data:
        folder = args.run / "embedded" / data.name
        if not (folder / "done").exists():
            embed(load_pictures(data), args.run, args.checkpoints, folder, args.plain, args.limit)
            print(folder, flush=True)


if __name__ == "__main__":
    main()
