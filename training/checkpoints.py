"""Writing trained parts as `pipelines.vlad.loaders` reads them: config.json and model.safetensors in a folder each."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file


def save_tensors(tensors: dict[str, torch.Tensor], folder: Path, dtype: torch.dtype = torch.float16) -> None:
    """`folder/model.safetensors`, floating-point tensors in `dtype`."""
    folder.mkdir(parents=True, exist_ok=True)
    cast = {n: (t.to(dtype) if t.is_floating_point() else t).cpu().contiguous() for n, t in tensors.items()}
    save_file(cast, folder / "model.safetensors", metadata={"format": "pt"})


def save_part(model: Any, folder: Path) -> None:
    """Weights in half precision and the arguments of the constructor."""
    save_tensors(dict(model.state_dict()), folder)
    config = {k: v for k, v in model.config.items() if not k.startswith("_")}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def publish(run: Path, part: str, checkpoints: Path) -> None:
    """Copy a trained part, its log and its run facts into the checkpoint folder."""
    target = checkpoints / part
    target.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "model.safetensors"):
        if (run / part / name).exists():
            shutil.copy(run / part / name, target / name)
    for name in ("log.csv", "run.json"):
        if (run / name).exists():
            shutil.copy(run / name, target / name)
    load_file(target / "model.safetensors")  # readable


def main() -> None:
    p = argparse.ArgumentParser(description="Publish a trained part into checkpoints/vlad-mini.")
    p.add_argument("run", type=Path)
    p.add_argument("parts", nargs="+")
    p.add_argument("--to", type=Path, default=Path("checkpoints/vlad-mini"))
    args = p.parse_args()
    for part in args.parts:
        publish(args.run, part, args.to)


if __name__ == "__main__":
    main()
