"""The public VQ-VAE, which the hub has as a pickle only, as safetensors in the folder where the preset looks for it.

python -m pipelines.convert_vq [FILE]

The pickle is read by torch's restricted reader, which builds nothing but tensors, and the weights must be exactly those
of the model that their configuration describes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch
from diffusers import VQModel
from safetensors.torch import save_file

from pipelines.config import ITHQ, ROOT, Source
from pipelines.errors import CheckpointMissing, UserError
from pipelines.gguf_llama import file_sha256
from pipelines.hub import fetch_file
from pipelines.registry import read_json

WEIGHTS, CONFIG = "diffusion_pytorch_model.bin", "config.json"


def convert(weights: Path, config: Path, folder: Path) -> Path:
    """Write `folder/config.json` and `folder/diffusion_pytorch_model.safetensors`.

    Args:
        weights: a state dictionary as torch saves it. config: of diffusers' `VQModel`.

    Raises:
        CheckpointMissing: a file that holds anything but tensors, or those of another model.
    """
    described = read_json(config)
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as e:  # of many kinds, by where it is damaged
        raise CheckpointMissing(
            f"{weights.name} is damaged, or holds more than tensors, and was not read; fetch it again."
        ) from e
    with torch.device("meta"):
        made: VQModel = VQModel.from_config(described)
    expected = {n: t.shape for n, t in made.state_dict().items()}
    # an older name of the attention's layers in the same file
    state = {renamed(n): t for n, t in state.items()} if isinstance(state, dict) else {}
    if {n: t.shape for n, t in state.items()} != expected:
        raise CheckpointMissing(f"{weights.name} holds other weights than {config.name} describes; fetch both again.")
    folder.mkdir(parents=True, exist_ok=True)
    save_file({n: t.contiguous() for n, t in state.items()}, folder / "diffusion_pytorch_model.safetensors")
    (folder / CONFIG).write_text(json.dumps(described, indent=1) + "\n", "utf-8")
    return folder


def renamed(name: str) -> str:
    """The name of a weight of attention as diffusers has it today."""
    for old, new in ((".query.", ".to_q."), (".key.", ".to_k."), (".value.", ".to_v."), (".proj_attn.", ".to_out.0.")):
        if ".attentions." in name:
            name = name.replace(old, new)
    return name


def fetched(source: Source) -> tuple[Path, Path]:
    """Weights and configuration from the hub, at the pinned commit.

    Raises:
        CheckpointMissing: they cannot be fetched, or the weights are not the ones whose hash is known.
    """
    weights = fetch_file(source, WEIGHTS)
    if file_sha256(weights) != source.sha256:
        raise CheckpointMissing(f"{WEIGHTS} of {source.hub} is damaged or another file; delete it and fetch it again.")
    return weights, fetch_file(source, CONFIG)


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m pipelines.convert_vq", description="Make the public VQ-VAE readable.")
    p.add_argument("file", nargs="?", type=Path, help=f"{WEIGHTS} beside its {CONFIG} (default: fetched from the hub)")
    p.add_argument("--out", type=Path, default=ROOT / ITHQ.folder / ITHQ.subfolder)
    args = p.parse_args()
    try:
        weights, config = (args.file, args.file.parent / CONFIG) if args.file else fetched(ITHQ)
        if not weights.is_file():
            raise CheckpointMissing(f"{weights} does not exist; give the path of {WEIGHTS}.")
        if shutil.disk_usage(ROOT).free < 2 * weights.stat().st_size:
            raise CheckpointMissing("The disk has too little room for the copy; make some.")
        print(convert(weights, config, args.out))
    except UserError as e:
        print(e, file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
