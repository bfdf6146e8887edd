"""Writing trained parts as the loaders of `pipelines` read them: config.json and model.safetensors in a folder each.

python -m training.checkpoints runs/sketch sketch                               # publish what a run has trained
python -m training.checkpoints --requantise checkpoints/vlad-mini sketch        # half the size: 8 bits a weight
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from pipelines.errors import CheckpointMissing
from pipelines.registry import BITS, SCALE, read_safetensors

LEAST = 4096  # elements of a weight that is worth 8 bits
LEVELS = 127


def save_tensors(
    tensors: dict[str, torch.Tensor], folder: Path, dtype: torch.dtype = torch.float16, bits: int = 16
) -> None:
    """`folder/model.safetensors`, in place of one that is there only when it is complete.

    Args:
        tensors: by name. folder: made when it is not there.
        dtype: what floating-point tensors are stored in.
        bits: 8 stores weights as `packed` says, the rest in `dtype`.

    Raises:
        ValueError: bits is neither 8 nor 16, or a name is one that `packed` needs.
    """
    if bits not in (8, 16):
        raise ValueError(f"weights are stored in 8 or 16 bits, not {bits}")
    ready = packed(tensors) if bits == 8 else tensors
    cast = {n: (t.to(dtype) if t.is_floating_point() else t).cpu().contiguous() for n, t in ready.items()}
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / "model.safetensors.tmp"
    new.write_bytes(save(cast, metadata={"format": "pt"} | ({BITS: "8"} if bits == 8 else {})))
    os.replace(new, folder / "model.safetensors")


def packed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Large matrices and convolutions as int8 with one float16 scale a row, symmetric about zero; the rest as it is.

    w (out, ...) is stored as q = round(w / s) in -127..127 under its name, and s (out,) = max |w| / 127 of its row
    under the name + ".scale"; q s is within s / 2 of w, up to the rounding of s.

    Raises:
        ValueError: a tensor has a name that ends in ".scale", or is int8 already.
    """
    result: dict[str, torch.Tensor] = {}
    for name, t in tensors.items():
        if name.endswith(SCALE) or t.dtype == torch.int8:
            raise ValueError(f"{name} cannot be stored beside 8-bit weights")
        if not t.is_floating_point() or t.ndim not in (2, 4) or t.numel() < LEAST:
            result[name] = t
            continue
        rows = t.detach().float().flatten(1)
        scale = (rows.abs().amax(1) / LEVELS).half()
        steps = rows / scale.float().clamp_min(torch.finfo(torch.float32).tiny)[:, None]
        result[name] = steps.round().clamp(-LEVELS, LEVELS).to(torch.int8).view(t.shape)
        result[name + SCALE] = scale
    return result


def save_part(model: Any, folder: Path, bits: int = 16) -> None:
    """Weights in half precision, or in 8 bits where they are large, and the arguments of the constructor."""
    save_tensors(dict(model.state_dict()), folder, bits=bits)
    config = {k: v for k, v in model.config.items() if not k.startswith("_")}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def requantise(folder: Path) -> tuple[int, int]:
    """Store the weights of a published part in 8 bits; (bytes before, bytes after).

    Raises:
        CheckpointMissing: absent or damaged.
    """
    path = folder / "model.safetensors"
    before = path.stat().st_size if path.is_file() else 0
    save_tensors(read_safetensors(path), folder, bits=8)
    return before, path.stat().st_size


def publish(run: Path, part: str, checkpoints: Path) -> None:
    """Copy a trained part, its log and its run facts into the checkpoint folder.

    Raises:
        CheckpointMissing: the run has no such part.
    """
    if not (run / part / "model.safetensors").is_file():
        raise CheckpointMissing(f"{run} has trained no {part}; train it first, or name another run.")
    target = checkpoints / part
    target.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "model.safetensors"):
        if (run / part / name).exists():
            shutil.copy(run / part / name, target / name)
    for name in ("log.csv", "run.json"):
        if (run / name).exists():
            shutil.copy(run / name, target / name)
    read_safetensors(target / "model.safetensors")  # readable


def main() -> None:
    p = argparse.ArgumentParser(description="Publish trained parts, or store published ones in 8 bits.")
    p.add_argument("run", type=Path, help="folder of the run; with --requantise the folder of published parts")
    p.add_argument("parts", nargs="+")
    p.add_argument("--to", type=Path, default=Path("checkpoints/vlad-mini"), help="where parts are published")
    p.add_argument("--requantise", action="store_true", help="store the published parts in 8 bits, in place")
    args = p.parse_args()
    for part in args.parts:
        if args.requantise:
            before, after = requantise(args.run / part)
            print(f"{part}: {before / 1e6:.1f} MB -> {after / 1e6:.1f} MB")
        else:
            publish(args.run, part, args.to)


if __name__ == "__main__":
    main()
