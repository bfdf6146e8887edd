"""CLIPScore and FID of pictures in a folder, with networks that have to be fetched.

    python -m evaluation.hub_metrics --images out --prompts prompts.txt --real photographs

CLIPScore (Hessel et al., 2021) is 100 max(cos, 0) of a picture and its prompt, here with CLIP ViT-L/14. FID (Heusel et
al., 2017) is that of torchmetrics on the InceptionV3 of torch-fidelity, which has to be installed
(requirements-gpu.txt) and fetches its weights itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from transformers import CLIPModel

from pipelines.config import Source
from pipelines.errors import BadImage, BadSetting, UserError
from pipelines.registry import load_pretrained, load_processor

CLIP = Source(
    folder="checkpoints/clip-vit-large-patch14",
    hub="openai/clip-vit-large-patch14",
    revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
    nbytes=1_710_540_580,
    dtype="float32",
    licence="MIT",
)
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
AT_ONCE = 16
FID_SIDE = 299  # pixels, what InceptionV3 takes
LEAST = 2048  # pictures of each kind below which FID on 2,048 features says little


def pictures(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names.

    Raises:
        BadImage: there is none.
    """
    found = sorted(p for p in folder.glob("*") if p.suffix.lower() in ENDINGS) if folder.is_dir() else []
    if not found:
        raise BadImage(f"{folder} holds no pictures; give a folder with {', '.join(ENDINGS)} files.")
    return found


def batches(paths: Sequence[Path], side: int = 0) -> Iterator[list[Tensor]]:
    """Pictures as (3, H, W) uint8, AT_ONCE together; side: resized to side x side."""
    for start in range(0, len(paths), AT_ONCE):
        out = []
        for path in paths[start : start + AT_ONCE]:
            with Image.open(path) as image:
                rgb = image.convert("RGB")
            rgb = rgb.resize((side, side), Image.Resampling.BICUBIC) if side else rgb
            out.append(torch.from_numpy(np.array(rgb)).permute(2, 0, 1))
        yield out


def clip_score(images: Sequence[Path], prompts: Sequence[str], source: Source = CLIP, device: str = "cpu") -> float:
    """Mean CLIPScore, 0 to 100, of pictures and as many prompts.

    Raises:
        BadSetting: other numbers of them. CheckpointMissing: CLIP is neither here nor can it be fetched.
    """
    if len(images) != len(prompts):
        raise BadSetting(f"{len(images)} pictures and {len(prompts)} prompts do not match; give one line for each.")

    model, processor = load_pretrained(source, CLIPModel, torch.float32).to(device), load_processor(source)
    scores: list[float] = []
    for batch in batches(images):
        told = list(prompts[len(scores) : len(scores) + len(batch)])
        inputs = processor(text=told, images=batch, return_tensors="pt", padding=True, truncation=True)
        with torch.inference_mode():
            found = model(**{k: v.to(device) for k, v in inputs.items()})
        cosines = nn.functional.cosine_similarity(found.image_embeds, found.text_embeds)
        scores += (100 * cosines.clamp_min(0)).tolist()
    return float(np.mean(scores))


def fid(images: Sequence[Path], real: Sequence[Path], feature: Any = 2048, device: str = "cpu") -> float:
    """Fréchet distance between features of pictures and of real ones; 0 for the same.

    Args:
        feature: 2048 for InceptionV3's, or a module (B, 3, H, W) uint8 -> (B, n).

    Raises:
        BadSetting: InceptionV3 without torch-fidelity.
    """
    if isinstance(feature, int) and find_spec("torch_fidelity") is None:
        raise BadSetting("FID needs torch-fidelity for its InceptionV3; run pip install -r requirements-gpu.txt.")
    metric: Any = FrechetInceptionDistance(feature=feature, normalize=False).to(device)
    for paths, is_real in ((real, True), (images, False)):
        for batch in batches(paths, FID_SIDE):
            metric.update(torch.stack(batch).to(device), real=is_real)
    return float(metric.compute())


def main() -> None:
    p = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    p.add_argument("--images", type=Path, required=True, help="folder of pictures")
    p.add_argument("--prompts", type=Path, help="a line for each picture, in the order of their names: CLIPScore")
    p.add_argument("--real", type=Path, help="folder of real pictures: FID")
    args = p.parse_args()
    if not args.prompts and not args.real:
        p.error("give --prompts for CLIPScore, --real for FID, or both")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        images = pictures(args.images)
        found: dict[str, Any] = {"images": len(images)}
        if args.prompts:
            lines = args.prompts.read_text("utf-8").splitlines()
            found["clip_score"] = clip_score(images, lines, device=device)
        if args.real:
            real = pictures(args.real)
            found["fid"], found["real"] = fid(images, real, device=device), len(real)
            if min(len(images), len(real)) < LEAST:
                found["note"] = f"FID on fewer than {LEAST:,} pictures of each kind is biased upwards"
    except (UserError, OSError) as e:
        print(e, file=sys.stderr)
        raise SystemExit(1) from None
    print(json.dumps(found))


if __name__ == "__main__":
    main()
