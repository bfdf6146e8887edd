"""VLSA on LLaVA-NeXT and Stable Diffusion 3, stage by stage, with the data that the paper names.

    accelerate launch -m training.scale.vlsa --stage 1 --data "LLaVA-Pretrain/{000..055}.tar" --out runs/vlsa-full-1
    accelerate launch -m training.scale.vlsa --stage 2 --data "LLaVAR/{000..041}.tar" --start runs/vlsa-full-1 ...
    accelerate launch -m training.scale.vlsa --stage 3 --data "LLaVA-NeXT/{000..078}.tar" --start runs/vlsa-full-2 ...

Stage I trains SA-Perceiver and Epigone, II the denoiser and the vision encoder too, III everything, with cognition
targets mixed into the conversations (VLSA section 4.1). Of the pretrained parts LoRA is trained, not the weights. The
losses are those of eqs. (3) and (8), with that of the one-pass preview beside them. What comes out is
`checkpoints/vlsa-full`.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from peft import inject_adapter_in_model
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig

from pipelines import build_cache
from pipelines.cache import ModelCache
from pipelines.config import get_preset
from pipelines.images import from_uint8
from pipelines.models.epigone import Epigone, PreviewDecoder, reconstruction_loss
from pipelines.models.llava import AlignedLlava, ClipTower, causal
from pipelines.models.perceiver import SAPerceiver
from pipelines.models.vfe import add_noise
from pipelines.models.vlm import VisualWords, behind
from pipelines.registry import load_llava, load_processor, read_safetensors, resolve
from pipelines.vlad import stable
from pipelines.vlad.loaders import load_part
from pipelines.vlsa.cognition import Requests, cell_colours
from pipelines.vlsa.llava import lora
from pipelines.vlsa.tiling import view as make_view
from training.scale.engine import ScaleConfig, chosen, train
from training.scale.streams import Sample, samples
from training.scale.vlad import drawn

PARTS: dict[str, Any] = {
    "perceiver": SAPerceiver, "epigone": Epigone, "preview": PreviewDecoder, "words": VisualWords,
}  # fmt: skip
HEADS = 16  # of SA-Perceiver
RANK = 256  # of Epigone, as in the paper
HIDDEN = 256  # of the preview's convolutions
LONGEST = 1400  # tokens of a conversation, which leaves room for V among 2,048
ASKED = 0.5  # share of the conversations of stage III with a cognition target
EMBEDDED = 0.01  # scale of LLaMA-3's word embeddings


@dataclass(frozen=True)
class Stage:
    """learns: parts that are trained. instances: of the paper's data. config: for a cluster."""

    learns: tuple[str, ...]
    instances: int
    config: ScaleConfig


def _config(instances: int, batch: int, lr: float) -> ScaleConfig:
    """One pass over the data."""
    steps = instances // batch
    return ScaleConfig(steps=steps, batch=batch, lr=lr, warmup=steps * 3 // 100, save_every=500, ema=0.0)


ALIGNING = ("perceiver", "epigone", "preview")
SEEING = (*ALIGNING, "denoiser", "vision")
# Batches and learning rates are those that LLaVA-NeXT's own stages are trained with; the paper gives none.
STAGES = {
    1: Stage(ALIGNING, 558_128, _config(558_128, 256, 1e-3)),
    2: Stage(SEEING, 422_000, _config(422_000, 128, 1e-4)),
    3: Stage((*SEEING, "language", "words"), 790_000, _config(790_000, 128, 1e-4)),
}
CONFIGS = {
    "smoke": ScaleConfig(steps=2, batch=4, lr=1e-3, warmup=1, save_every=2, precision="no", ema=0.0),
    "gpu": ScaleConfig(steps=2000, batch=16, lr=1e-4, warmup=60, save_every=250, accumulate=8, ema=0.0),
}


@dataclass(frozen=True)
class Batch:
    """snapshot: (B, 3, S, S) in [-1, 1]. tiles: (m, 3, S, S) each. centres: (1, m, l, 2) each. ids, answers: (T,) each,
    the latter True where a token belongs to a response. truth: (B, C, h, w) latents.
    """

    snapshot: Tensor
    tiles: list[Tensor]
    centres: list[Tensor]
    ids: list[Tensor]
    answers: list[Tensor]
    truth: Tensor


class AlignedModel(nn.Module):
    """All that is in the loop. See `pipelines.vlsa.pipeline` for how the parts follow one another."""

    def __init__(self, vlm: AlignedLlava, tower: ClipTower, parts: dict[str, nn.Module], denoiser: nn.Module) -> None:
        super().__init__()
        self.vlm, self.tower, self.denoiser = vlm, tower, denoiser
        self.perceiver, self.epigone, self.preview = (parts[n] for n in ALIGNING)

    def forward(self, batch: Batch, sigma: Tensor, noise: Tensor, mute: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Losses as means over the batch: their sum, and "lm", "rec", "preview".

        Args:
            sigma: (B,). noise: as `batch.truth`. mute: (B,) bool, where the denoiser is not told c.
        """
        v, p = self.look(batch)
        said = (~mute).to(v)[:, None]
        tokens, pooled = self.epigone(v, p)
        canvas = self.preview(v)
        b, _, h, w = batch.truth.shape
        how: Any = self.denoiser.config
        none = batch.truth.new_zeros(b, 0, h, w), batch.truth.new_zeros(b, 0, how.element)
        x = add_noise(batch.truth, noise, sigma)
        clean = self.denoiser(x, sigma, canvas.detach(), tokens * said[..., None], pooled * said, *none)
        told = {
            "lm": self.answer(v, batch), "rec": reconstruction_loss(batch.truth, clean),
            "preview": reconstruction_loss(batch.truth, canvas),
        }  # fmt: skip
        return torch.stack([*told.values()]).sum(), told

    def look(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """V (B, l, width) and P (B, width). The tower sees everything at once, so that it is called once a step."""
        b = len(batch.snapshot)
        tokens = self.tower(torch.cat([batch.snapshot, *batch.tiles])).float()
        hi = tokens[b:].split([len(t) for t in batch.tiles])
        found = [self.perceiver(tokens[i : i + 1], hi[i][None], batch.centres[i]) for i in range(b)]
        return torch.cat([v for v, _, _ in found]), torch.cat([p for _, p, _ in found])

    def answer(self, v: Tensor, batch: Batch) -> Tensor:
        """L, eq. (8): mean over the samples of the mean over a sample's response tokens."""
        embedded, asked = [], []
        for i, (ids, answers) in enumerate(zip(batch.ids, batch.answers, strict=True)):
            embedded.append(self.vlm.prompt(v[i : i + 1], ids[None])[0])
            asked.append(nn.functional.pad(answers, (v.shape[1] - 1, 0)))  # by what V takes in place of one token
        x = pad_sequence(embedded, batch_first=True)
        keep = pad_sequence([torch.ones(len(e), dtype=torch.bool, device=x.device) for e in embedded], batch_first=True)
        hidden = self.vlm.decoder(inputs_embeds=x, use_cache=False, **behind(keep)).last_hidden_state
        losses = []
        for i, (ids, answers) in enumerate(zip(batch.ids, batch.answers, strict=True)):
            before = hidden[i, : len(asked[i])][:-1][asked[i][1:]]
            logits = self.vlm.logits(before)
            losses.append(nn.functional.cross_entropy(logits, ids[answers]))
        # words for codes take part whether somebody asks for them or not: processes must agree on what has a gradient
        return torch.stack(losses).mean() + 0.0 * self.vlm.words.inputs().sum()


class VlsaRecipe:
    """One stage.

    Args:
        stage: 1 to 3. data, form: see `training.scale.streams`. start: folder of the stage before, None = as published.
        rank: of LoRA. side: latent cells along a visual token, which gives the size of the rebuilt picture. seed: of
        the order of the samples. preset: whose parts are taken.
    """

    name = "vlsa-full"
    blocks = ["LlamaDecoderLayer", "CLIPEncoderLayer", "JointTransformerBlock"]
    unused = True

    def __init__(
        self, stage: int, data: str, form: str = "llava", start: Path | None = None, rank: int = 16, side: int = 4,
        seed: int = 0, preset: str = "full",
    ) -> None:  # fmt: skip
        self.stage, self.data, self.form, self.start_folder = stage, data, form, start
        self.rank, self.side, self.seed, self.preset = rank, side, seed, get_preset(preset)
        self.cache: ModelCache = build_cache(preset, "cuda" if torch.cuda.is_available() else "cpu")
        self._stream: Iterator[Sample] = iter(())
        self._size = 0, 0  # pixels and tokens along one side of what the vision tower takes
        self._initial: dict[str, Tensor] = {}
        self._configs: dict[str, dict[str, Any]] = {}

    # -- the model ----------------------------------------------------------------------------------------------------

    def model(self, accelerator: Accelerator, checkpointing: bool) -> nn.Module:
        """Everything, with LoRA beside what was pretrained; only what this stage learns needs a gradient."""
        dtype, source, folder = self.cache.placement.dtype, self.preset.language_model, self.start_folder
        assert source is not None
        llava, processor = load_llava(source, dtype), load_processor(source).image_processor
        inject_adapter_in_model(lora(self.rank), llava.model)
        denoiser: Any = stable.adapted(stable.load_grown(self.preset, dtype), self.rank)
        tower = ClipTower(
            llava.model.vision_tower, llava.config.vision_feature_layer, processor.image_mean, processor.image_std
        )
        with self.cache.use("vlsa.vq") as (vq,):
            codebook = vq.codebook.detach().float().cpu()
        parts = (
            {name: load_part(name, folder, torch.float32, PARTS) for name in PARTS}
            if folder
            else self.fresh(llava, tower, denoiser, codebook)
        )
        self._configs = {name: dict(part.config) for name, part in parts.items()}
        vlm = AlignedLlava(causal(llava), parts["words"], llava.config.image_token_id)
        model = AlignedModel(vlm, tower, parts, denoiser)
        if folder:
            read(model, folder)
        learned = self.learned(model)
        for name, p in model.named_parameters():
            p.requires_grad_(name in learned)
            if name in learned:
                p.data = p.data.float()  # half precision is too coarse for small steps
        self._initial = {n: p.detach().float().cpu().clone() for n, p in model.named_parameters() if owner(n)}
        if checkpointing:
            how = {"gradient_checkpointing_kwargs": {"use_reentrant": False}}
            vlm.decoder.gradient_checkpointing_enable(**how)
            llava.model.vision_tower.gradient_checkpointing_enable(**how)
            denoiser.denoiser.enable_gradient_checkpointing()
        self._size = tower.side, tower.cells
        return model.train().to(accelerator.device)

    def fresh(self, llava: Any, tower: ClipTower, denoiser: Any, codebook: Tensor) -> dict[str, Any]:
        """The parts as training begins: V is what the projector makes of the snapshot."""
        projector = llava.model.multi_modal_projector
        perceiver = SAPerceiver.from_projector(projector.linear_1, projector.linear_2, HEADS, tower.cells).float()
        width, how = perceiver.config.width, denoiser.config
        words = VisualWords(
            width=width, hidden=width, codes=len(codebook), channels=codebook.shape[1], scale=EMBEDDED, direct=True
        )
        words.codebook.copy_(codebook)
        return {
            "perceiver": perceiver,
            "epigone": Epigone(width, RANK, how.context, how.pooled),
            "preview": PreviewDecoder(width, tower.cells, self.side, how.latent, HIDDEN),
            "words": words,
        }

    def learned(self, model: nn.Module) -> set[str]:
        """Names of the parameters that this stage trains."""
        return {n for n, _ in model.named_parameters() if (part := owner(n)) and part in STAGES[self.stage].learns}

    # -- data ---------------------------------------------------------------------------------------------------------

    def start(self, skip: int, part: int, parts: int) -> None:
        self._stream = samples(self.data, self.form, self.seed, skip, part, parts, lambda s: bool(s.turns))

    @torch.no_grad()
    def batch(self, size: int) -> Batch:
        taken = [next(self._stream) for _ in range(size)]
        side, cells = self._size
        views = [make_view(s.image, side) for s in taken]
        device = self.cache.placement.device
        picture = cells * self.side * 8
        with self.cache.use("vlad.vae") as (vae,):
            pictures = from_uint8(np.stack([np.asarray(v.picture(picture)) for v in views]))
            truth = vae.encode(pictures.to(device))
        told = [self.conversation(s, np.asarray(v.picture())) for s, v in zip(taken, views, strict=True)]
        return Batch(
            snapshot=from_uint8(np.stack([v.snapshot() for v in views])).to(device),
            tiles=[from_uint8(v.tiles()).to(device) for v in views],
            centres=[torch.from_numpy(v.centres(cells))[None].to(device) for v in views],
            ids=[torch.tensor(ids, device=device) for ids, _ in told],
            answers=[torch.tensor(answers, device=device) for _, answers in told],
            truth=truth,
        )

    def conversation(self, sample: Sample, picture: np.ndarray) -> tuple[list[int], list[bool]]:
        """Token ids of a conversation, and which belong to responses; in stage III with a cognition target at a random
        place in it, eq. (5). What is random follows from the sample, whichever process has it.
        """
        turns: list[tuple[str, str | list[int]]] = list(sample.turns)
        rng = np.random.default_rng(zlib.crc32(repr((sample.turns, sample.image.size)).encode()) + self.seed)
        if self.stage == 3 and rng.random() < ASKED:
            with self.cache.use("vlsa.vq") as (vq,):
                pixels = from_uint8(picture[None]).to(self.cache.placement.device)
                index, size = vq.indices(pixels)[0].cpu().numpy(), len(vq.codebook)
            requests = Requests(index, cell_colours(picture), self.vocabulary, size)
            asked = requests.codes(rng) if rng.random() < 0.5 else requests.colours_at(rng)
            turns.insert(int(rng.integers(0, len(turns) + 1)), asked)
        with self.cache.use("language_tokenizer") as (template,):
            return template.taught(turns, LONGEST)

    @cached_property
    def vocabulary(self) -> int:
        """Words of the language model; codes and colours follow."""
        source, auto = self.preset.language_model, cast(Any, AutoConfig)
        assert source is not None
        return int(auto.from_pretrained(resolve(source), local_files_only=True).text_config.vocab_size)

    def loss(self, model: Any, batch: Batch, seeds: list[int]) -> tuple[Tensor, dict[str, float]]:
        """The sum of the losses, and each of them."""
        sigma, noise, _, mute = drawn(seeds, tuple(batch.truth.shape[1:]), batch.truth.device)
        loss, parts = model(batch, sigma, noise, mute)
        return loss, {n: float(v.detach()) for n, v in parts.items()}

    # -- saving -------------------------------------------------------------------------------------------------------

    def save(self, state: dict[str, Tensor], folder: Path) -> None:
        """Parts and adapters in the form of `checkpoints/vlsa-full`, what this stage did not learn included."""
        whole = {**self._initial, **{n: t.float() for n, t in state.items()}}
        for name, kind in PARTS.items():
            made: Any = kind.from_config({k: v for k, v in self._configs[name].items() if not k.startswith("_")})
            own = {n.removeprefix(PLACES[name]): t for n, t in whole.items() if n.startswith(PLACES[name])}
            kept = {n: b for n, b in made.state_dict().items() if n not in own}
            if name == "words":
                with self.cache.use("vlsa.vq") as (vq,):
                    kept["codebook"] = vq.codebook.detach().float().cpu()
            made.load_state_dict(own | kept)
            (folder / name).mkdir(parents=True, exist_ok=True)
            made.save_config(folder / name)
            save_file({n: t.contiguous() for n, t in made.state_dict().items()}, folder / name / "model.safetensors")
        for name, owners in ADAPTED.items():
            (folder / name).mkdir(exist_ok=True)
            own = {outside(n): t.half() for n, t in whole.items() if owner(n) in owners}
            save_file(own, folder / name / stable.ADAPTER)
            (folder / name / "config.json").write_text(json.dumps({"rank": self.rank}) + "\n")


PLACES = {"perceiver": "perceiver.", "epigone": "epigone.", "preview": "preview.", "words": "vlm.words."}
ADAPTED = {"adapter": ("vision", "language"), "denoiser": ("denoiser",)}
INSIDE = {"vlm.language.model.": "model.model.language_model.", "tower.tower.": "model.model.vision_tower."}


def owner(name: str) -> str:
    """What a parameter of `AlignedModel` belongs to, one of the names in STAGES; "" for what is never trained."""
    for part, place in PLACES.items():
        if name.startswith(place):
            return part
    if name.startswith("denoiser.") and stable.trained(name.removeprefix("denoiser.")):
        return "denoiser"
    if "lora_" in name:
        return "vision" if name.startswith("tower.") else "language"
    return ""


def outside(name: str) -> str:
    """The name that an adapter's parameter has in the pipelines' base."""
    for place, other in INSIDE.items():
        if name.startswith(place):
            return other + name.removeprefix(place)
    return name.removeprefix("denoiser.")


def read(model: nn.Module, folder: Path) -> None:
    """Adapters of the stage before."""
    known = {n: p for n, p in model.named_parameters() if owner(n) in ("vision", "language", "denoiser")}
    for name, owners in ADAPTED.items():
        found = read_safetensors(folder / name / stable.ADAPTER)
        with torch.no_grad():
            for n, p in known.items():
                if owner(n) in owners:
                    p.copy_(found[outside(n)])


def main() -> None:
    p = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    p.add_argument("--stage", type=int, choices=STAGES, required=True)
    p.add_argument("--data", required=True, help="shards, a dataset or its folder; see training.scale.streams")
    p.add_argument("--form", default="llava", help="what its fields are called")
    p.add_argument("--start", type=Path, help="folder of the stage before")
    p.add_argument("--out", type=Path, required=True, help="folder for parts, adapters, state and log.csv")
    p.add_argument("--config", choices=["smoke", "gpu", "paper"], default="paper")
    p.add_argument("--rank", type=int, default=16, help="of LoRA")
    p.add_argument("--side", type=int, default=4, help="latent cells along a visual token")
    for name, kind in (("steps", int), ("batch", int), ("lr", float), ("accumulate", int), ("seed", int)):
        p.add_argument(f"--{name}", type=kind)
    p.add_argument("--precision", choices=["no", "bf16"])
    p.add_argument("--shard", action="store_true", help="FSDP on CPUs, to rehearse it")
    args = p.parse_args()
    config = chosen(STAGES[args.stage].config if args.config == "paper" else CONFIGS[args.config], args)
    recipe = VlsaRecipe(args.stage, args.data, args.form, args.start, args.rank, args.side, config.seed)
    train(recipe, config, args.out, args.shard)


if __name__ == "__main__":
    main()
