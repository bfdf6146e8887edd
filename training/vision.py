"""Stage 3b: the vision tower, and the projection of the composed tokens beside it, to L_align (eq. (3)).

`python -m training.vision --posters DIR ... --out DIR`. Stage 3 spends its time in the text encoder; with the composed
tokens locked (after LiT, arXiv 2111.07991) they are computed once, and the same minutes show the tower ten times the
pictures in batches three times as large. The layout generator and the denoiser read the tokens and t, which stay, so no
other part has to be trained again. Where the tower comes from VLSA its letter reader stays beside it as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipelines.config import MINILM
from pipelines.images import from_uint8
from pipelines.models.encoder import CCM, VisionEncoder, alignment_loss, spelled
from pipelines.models.reader import letter_counts
from pipelines.registry import load_tokenizer
from pipelines.vlad.loaders import load_encoder, load_part, part_config
from pipelines.vlad.text import embed_phrases, tokens_of
from training.align import ALONE
from training.checkpoints import save_part
from training.loop import RunConfig, best_device, chosen, fit, parser
from training.posters import Posters, load_posters, training_fonts

SORTS = ("prompts", "captions")
CAPTIONS = 0.25  # share of pictures that are told by their caption and not by their prompt
CHUNK = 256  # posters whose texts are embedded at once
HEADS = 4  # of the attention through which the composed tokens are read
CONFIGS = {
    "smoke": RunConfig(steps=2, batch=4, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(
        steps=560, batch=256, lr=6e-4, warmup=50, ema=0.99, eval_every=100, save_every=100, precision="no"
    ),  # float32 is a third faster than autocast here
    "gpu": RunConfig(steps=12000, batch=1024, lr=6e-4, minutes=8, eval_every=1000, save_every=4000),
}


class Aligned(nn.Module):
    """What learns: the tower, the projection of the composed tokens, the logarithm of the temperature of eq. (3)."""

    def __init__(self, vision: VisionEncoder, ccm: CCM) -> None:
        super().__init__()
        self.vision, self.ccm = vision, ccm.train()
        for name, p in ccm.named_parameters():
            p.requires_grad_(name.startswith(("reading.", "project.")))
        if vision.config.reader:
            vision.letters.requires_grad_(False)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(0.05)))


class VisionStage:
    """Pictures, and composed tokens of their prompts and of their captions. Held out: the test split.

    Args:
        train: posters of any number of folders. test: held-out ones. weights: the text side, as trained before.
        start: folder of the tower to start from; without it, `sizes` of a fresh one. kept: folder that keeps the
        tokens of the training texts for a run that goes on; None for none.

    Raises:
        ValueError: what is kept belongs to other posters.
    """

    name = "vision"

    def __init__(
        self,
        train: Sequence[Posters],
        test: Posters,
        weights: Path,
        start: Path | None,
        sizes: dict[str, int],
        kept: Path | None = None,
    ) -> None:
        self.device = best_device()
        self.weights, self.start, self.sizes = weights, start, sizes
        side = self.modules().vision.config.image_size
        texts = Texts(weights, self.device)
        self.images = np.concatenate([reduced(p.images, side) for p in train])
        self.keep = torch.cat([p.mask for p in train])
        self.told = [
            {k: texts.known(p, told, kept / f"{k}-{i}.safetensors" if kept else None) for k, told in said(p).items()}
            for i, p in enumerate(train)
        ]
        self.first = np.cumsum([0, *(len(p) for p in train)])
        count = min(256, len(test))
        self.test = Composed(texts.of(test, test.prompts)[:count], test.mask[:count])
        self.test_images = torch.from_numpy(reduced(test.images[:count], side))
        self.whole = torch.from_numpy(np.array(test.images[:count]))
        self.asked = torch.stack([letter_counts([e.text for e in layout.texts]) for layout in test.layouts[:count]])
        self.read: Tensor | None = None

    def modules(self) -> Aligned:
        ccm = gathering(self.weights)
        fresh = {"out": ccm.config.width, **self.sizes}
        return Aligned(started(self.start) if self.start else VisionEncoder(**fresh), ccm).to(self.device)

    def tokens(self, row: int, sort: str) -> Tensor:
        """What a training text was composed to: (2 + M, d)."""
        part = int(np.searchsorted(self.first, row, side="right")) - 1
        return self.told[part][sort][row - self.first[part]]

    def batch(self, step: int, size: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((35, step))
        rows = rng.choice(len(self.images), min(size, len(self.images)), replace=False)
        captioned = rng.random(len(rows)) < CAPTIONS
        alone = torch.from_numpy(rng.random((len(rows), 1)) < ALONE)
        sorts = [SORTS[int(c)] for c in captioned]
        tokens = torch.stack([self.tokens(r, s) for r, s in zip(rows, sorts, strict=True)])
        text = Composed(tokens, self.keep[torch.from_numpy(rows)], alone)
        return {"tokens": text.tokens, "keep": text.keep, "images": torch.from_numpy(self.images[rows])}

    def loss(self, model: Any, batch: dict[str, Tensor], generator: torch.Generator):
        b = {k: v.to(self.device) for k, v in batch.items()}
        temperature = model.log_temperature.exp().clamp(0.01, 1)
        t, v = model.ccm.aligned(b["tokens"], b["keep"]), model.vision(from_uint8(b["images"]))
        return alignment_loss(t, v, temperature), {"temperature": float(temperature.detach())}

    def evaluate(self, model: Any) -> dict[str, float]:
        images = [from_uint8(part.to(self.device)) for part in self.test_images.split(64)]
        v = nn.functional.normalize(torch.cat([model.vision(x).float() for x in images]), dim=-1)
        t = model.ccm.aligned(self.test.tokens.to(self.device), self.test.keep.to(self.device)).float()
        to_image, to_text = retrieved(t, v)
        found = {
            "held_out_retrieval_at_1": to_image,
            "held_out_retrieval_of_prompts_at_1": to_text,
            "held_out_align": float(alignment_loss(t, v, 0.05)),
            "chance": 1 / len(t),
        }
        if not (model.vision.config.reader and model.vision.config.alphabet):
            return found
        if self.read is None:  # the reader does not learn here
            parts = [model.vision.letter_counts(from_uint8(x.to(self.device))) for x in self.whole.split(16)]
            self.read = torch.cat(parts).float()
        to_image, to_text = retrieved(spelled(t, self.asked.to(self.device)), spelled(v, self.read))
        return found | {
            "held_out_spelled_retrieval_at_1": to_image,
            "held_out_spelled_retrieval_of_prompts_at_1": to_text,
        }

    def save(self, model: Any, folder: Path) -> None:
        save_part(model.vision, folder / "vision")
        save_part(model.ccm, folder / "ccm")


class Composed:
    """Composed tokens (N, 1 + M, d) as `CCM.aligned` takes them, with `keep` (N, 1 + M).

    Args:
        both: (N, 2 + M, d) of `Texts.of`. mask: (N, M) bool, where there is an element. alone: (N, 1) bool, True where
        the text is composed without its elements, for the ablation without CCM's local level.
    """

    def __init__(self, both: Tensor, mask: Tensor, alone: Tensor | None = None) -> None:
        alone = torch.zeros(len(both), 1, dtype=torch.bool) if alone is None else alone
        whole, single = both[:, :-1].float(), both[:, -1:].float()
        self.tokens = torch.where(alone[..., None], nn.functional.pad(single, (0, 0, 0, mask.shape[1])), whole)
        self.keep = torch.cat([torch.ones_like(mask[:, :1]), mask & ~alone], 1)


class Texts:
    """The locked text side: prompts, captions and elements to the composed tokens of eq. (2)."""

    def __init__(self, weights: Path, device: str) -> None:
        self.device, self.tokenizer = device, load_tokenizer(MINILM)
        self.encoder = load_encoder(weights).to(device)
        self.ccm = load_part("ccm", weights).to(device)

    @torch.inference_mode()
    def of(self, posters: Posters, texts: Sequence[str]) -> Tensor:
        """Each poster with these texts as its global level: (N, 2 + M, d) float16 on the CPU, the composed tokens and,
        last, the global one composed without the elements.
        """
        known = embed_phrases(self.encoder, self.tokenizer, posters.phrases)
        order = np.argsort([len(t) for t in texts], kind="stable")  # texts of about one length stand together
        width = self.ccm.config.width
        out = torch.zeros(len(texts), 2 + posters.mask.shape[1], width, dtype=torch.half)
        for rows in np.array_split(order, math.ceil(len(order) / CHUNK)):
            ids, mask = tokens_of(self.tokenizer, [texts[r] for r in rows])
            i = torch.from_numpy(rows)
            kinds, keep = posters.kinds[i].to(self.device), posters.mask[i].to(self.device)
            t_g = self.encoder.prompts(ids.to(self.device), mask.to(self.device))
            t_i = known[posters.phrase[i].to(self.device)]
            whole, single = (self.ccm(t_g, t_i, kinds, k)[0] for k in (keep, torch.zeros_like(keep)))
            out[i] = torch.cat([whole, single[:, :1]], 1).half().cpu()
        return out

    def known(self, posters: Posters, texts: Sequence[str], file: Path | None) -> Tensor:
        """The same out of `file` when it is there, and written to it when it is not."""
        if file is None or not file.exists():
            tokens = self.of(posters, texts)
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                save_file({"tokens": tokens}, file)
            return tokens
        tokens = load_file(file)["tokens"]
        if len(tokens) != len(texts):
            raise ValueError(f"{file} is of other posters; delete it or choose another --out folder.")
        return tokens


def retrieved(t: Tensor, v: Tensor) -> tuple[float, float]:
    """Share of N texts (N, d) whose nearest picture (N, d) is their own, and of pictures whose nearest text is."""
    cosine = nn.functional.normalize(t, dim=-1) @ nn.functional.normalize(v, dim=-1).T
    at = torch.arange(len(t), device=t.device)
    to_image, to_text = (float((cosine.argmax(axis) == at).float().mean()) for axis in (1, 0))
    return to_image, to_text


def said(posters: Posters) -> dict[str, list[str]]:
    """The texts of a poster, by the names of SORTS."""
    return dict(zip(SORTS, (posters.prompts, posters.captions), strict=True))


def gathering(weights: Path) -> CCM:
    """The trained CCM, which reads all composed tokens; new weights start at its t."""
    config = part_config(weights / "ccm")
    trained = load_part("ccm", weights)
    if config.get("gather"):
        return trained
    ccm = CCM(**{**config, "gather": HEADS})
    ccm.load_state_dict({**ccm.state_dict(), **trained.state_dict()})
    ccm.project.load_state_dict(ccm.pool.state_dict())
    return ccm


def started(folder: Path) -> VisionEncoder:
    """A trained tower, with its letter reader where it has one."""
    return load_part("vision", folder.parent).requires_grad_(True).train()


def reduced(images: np.ndarray, side: int) -> np.ndarray:
    """(N, S, S, 3) uint8 -> (N, side, side, 3) uint8 by area."""
    parts = []
    for i in range(0, len(images), 512):
        x = torch.from_numpy(np.array(images[i : i + 512])).movedim(-1, 1).float()
        parts.append(nn.functional.interpolate(x, (side, side), mode="area").round().byte().movedim(1, -1).numpy())
    return np.concatenate(parts) if parts else np.zeros((0, side, side, 3), np.uint8)


SMOKE_SIZES = {"image_size": 32, "patch": 16, "width": 32, "layers": 1, "heads": 2}


def main() -> None:
    p = parser(__doc__ or "")
    p.add_argument("--posters", type=Path, nargs="+", default=[Path(".cache/posters")], help="folders like --data")
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    p.add_argument("--assets", type=Path)
    p.add_argument("--start", type=Path, help="folder of a trained tower, for example checkpoints/vlsa-mini/vision")
    args = p.parse_args()
    fonts = training_fonts(args.assets)
    train, test = [load_posters(folder, fonts) for folder in args.posters], load_posters(args.held_out, fonts, 512)
    sizes = SMOKE_SIZES if args.config == "smoke" else {}
    stage = VisionStage(train, test, args.weights, args.start, sizes, args.out / "texts")
    fit(stage, chosen(CONFIGS, args), args.out)


if __name__ == "__main__":
    main()
