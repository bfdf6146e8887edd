"""A set of posters drawn again by VLAD from their own layouts: `python -m evaluation.redraw --data held-out --out DIR`.

Records stay as they are, so `python -m evaluation.vlsa --data DIR --parts chat --photos none` asks the questions about
what VLAD drew that it asks about the posters themselves.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evaluation.vlsa_data import read_set
from pipelines.errors import UserError
from pipelines.types import Layout
from pipelines.vlad.pipeline import VladPipeline


def redraw(vlad: VladPipeline, data: str, out: Path, limit: int | None = None, size: int | None = None) -> int:
    """Write the drawn pictures and the records of a set of posters; returns their number.

    Args:
        data: name or folder, see `evaluation.vlsa_data`. out: a new folder. limit: the first so many. size: side in
        pixels, None for the preset's. Poster i is drawn with seed i.

    Raises:
        UserError: no such set, a set of photographs, or a folder that is there already.
    """
    samples = read_set(data)[:limit]
    if any(s.record is None for s in samples):
        raise UserError(f"{data} holds photographs, which have no layouts; give a set of posters.")
    if out.exists():
        raise UserError(f"{out} is there already; choose another folder or delete it.")
    records = [s.record for s in samples if s.record is not None]
    pictures = [
        np.asarray(vlad.generate(Layout.from_dict(r["layout"]), seed=i, size=size).images[0])
        for i, r in enumerate(records)
    ]
    out.mkdir(parents=True)
    np.save(out / "images.npy", np.stack(pictures))
    lines = [json.dumps(r, ensure_ascii=False) for r in records]
    (out / "layouts.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return len(records)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; what goes wrong is one sentence on stderr."""
    p = argparse.ArgumentParser(prog="python -m evaluation.redraw", description=(__doc__ or "").split("\n")[0])
    p.add_argument("--data", default="held-out", help="name or folder of a set of posters")
    p.add_argument("--out", type=Path, required=True, help="a new folder")
    p.add_argument("--limit", type=int, help="only the first K posters")
    p.add_argument("--size", type=int, help="side of the pictures in pixels")
    p.add_argument("--preset", default="mini")
    args = p.parse_args(argv)
    try:
        import pipelines

        print(redraw(pipelines.load(args.preset), args.data, args.out, args.limit, args.size))
    except UserError as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
