"""VLSA's three stages: I SA-Perceiver and preview, II also Epigone, tower and denoiser, III everything with LoRA.

    python -m training.vlsa --stage N --posters DIR ... [--photos DIR] --out DIR [--earlier RUN] [--tower | --rebuild]

Stages I and II read through a small decoder made of the language model's outer layers: the language model is the cost
of training, and what the encoder has to learn does not need all of it. Stage III puts the whole model behind the same
embeddings and mixes cognition's requests into the conversations. The loss is L + L_rec, eqs. (8) and (3), with the
preview's and those of what stands where.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft.helpers import disable_input_dtype_casting
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.colours import COLOURS
from pipelines.config import get_preset
from pipelines.images import to_uint8
from pipelines.models.epigone import cell_cover, reconstruction_loss
from pipelines.models.perceiver import encode_views
from pipelines.models.reader import CLASSES, EMPTY, LETTERS, STRIPS
from pipelines.models.vfe import add_noise
from pipelines.models.vlm import SHARPNESS, SORTS, TELLING, VisionLanguageModel, VisualWords
from pipelines.registry import load_language_tokenizer, read_safetensors
from pipelines.vlad.fonts import default_fonts
from pipelines.vlad.loaders import adapter_weights
from pipelines.vlad.loaders import load_part as load_vlad
from pipelines.vlsa.cognition import Requests, cell_colours, colours_of
from pipelines.vlsa.loaders import WEIGHTS as STORED
from pipelines.vlsa.loaders import fresh_parts, language_model, load_part, with_lora
from pipelines.vlsa.quality import ssim
from pipelines.vlsa.spelling import Speller
from pipelines.vlsa.types import CELLS, CODES
from training.autoencoder import psnr
from training.checkpoints import save_part, save_tensors
from training.data.questions import KINDS
from training.loop import RunConfig, best_device, chosen, fit, parser
from training.vlsa_batches import (
    COPIES,
    FRAMES,
    SHRUNK,
    Pictures,
    Sight,
    Talk,
    Talker,
    drawn,
    load_pictures,
    sight,
)
from training.vlsa_data import letter_widths

PROBES = ("strips", "shows")
LEARNED = ("vision", "perceiver", "epigone", "preview", "words", "denoiser")
ADDED = (
    "letters.",
    "beside_connector.",
    "spell.",
    "place.",
    "alphabet",
    "gaps",
    "widths",
    "calls",
    "terms",
    *TELLING,
)  # which earlier runs may lack
BESIDE = "beside_connector.weight"  # of SA-Perceiver
OUTER = (0, 1, 2, 27, 28, 29)  # layers of the small decoder, of 30
NUMBERS = ["one", "two", "three", "four", "five", "six"]
assert len(NUMBERS) == COPIES
UNCONDITIONAL = 0.1  # share of denoised pictures without their condition, for classifier-free guidance
CONFIGS = {
    "smoke": RunConfig(steps=2, batch=2, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(steps=1000, batch=24, lr=6e-4, warmup=100, ema=0.99, eval_every=200, save_every=200),
    "gpu": RunConfig(steps=20000, batch=192, lr=6e-4, minutes=9, eval_every=1000, save_every=5000),
}


@dataclass(frozen=True)
class Shape:
    """What a stage trains and how much of the batch each loss sees.

    Attributes:
        layers: of the language model; None = all. vision, denoiser, language: whether they learn. talk, rebuilt,
        denoised: share of the batch that talks (0: nobody), is previewed, is denoised. length: most tokens of a
        conversation. cognition: chance of a request for codes, and of one for colours. tiles: False = low resolution
        only. reconstruct: False = no reconstructive training (the preview learns on detached embeddings). tower: True
        = the vision encoder alone learns, from the snapshot and one tile of each picture, what stands where: many
        more pictures a second. rebuild: True = only what rebuilds from V learns. half: the language model in bfloat16.
    """

    layers: tuple[int, ...] | None = OUTER
    vision: bool = True
    denoiser: bool = True
    language: bool = True
    talk: float = 0.25
    rebuilt: float = 0.34
    denoised: float = 0.125
    length: int = 160
    cognition: float = 0.0
    tiles: bool = True
    reconstruct: bool = True
    tower: bool = False
    rebuild: bool = False
    rank: int = 16
    half: bool = True
    sizes: dict[str, dict[str, Any]] = field(default_factory=dict)


STAGES = {
    1: Shape(vision=False, denoiser=False),
    2: Shape(),
    3: Shape(layers=None, talk=0.34, rebuilt=0.34, denoised=0.125, cognition=0.5, length=192),
}
SMOKE_SIZES: dict[str, dict[str, Any]] = {
    "vision": {"width": 32, "layers": 1, "heads": 2, "out": 32, "stem": 8, "reader": 16},
    "perceiver": {"width": 32, "heads": 4},
    "epigone": {"rank": 4},
    "preview": {"channels": 4, "hidden": 8, "blocks": 1},
    "words": {"hidden": 32, "spelling": 8},
    "denoiser": {"latent": 4, "spread": 2, "context": 32, "layers": 1, "heads": 2, "head_dim": 16},
    "autoencoder": {"latent_channels": 4, "fine": 8, "coarse": 8},
    "language": {
        "vocab_size": 49152, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2,
    },
}  # fmt: skip


class Vlsa(nn.Module):
    """All that learns, and the frozen language model. `strips` reads letters off the tiles' tokens, `shows` names what
    is on a view's tokens; these two are not kept.

    Args:
        meanings: of "objects", "colours" and "numbers": token ids of each class's name. A visual word is taught to lie
        near the language model's own words for what its cell shows. And of "letters" and "gaps", see `lexicon`.
    """

    def __init__(
        self, shape: Shape, vlad: Path | None, start: Path | None, checkpoints: Path | None,
        meanings: dict[str, list[list[int]]] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        parts = fresh_parts(vlad, shape.sizes)
        self.vision, self.perceiver, self.epigone = parts["vision"], parts["perceiver"], parts["epigone"]
        self.preview, self.words, self.denoiser = parts["preview"], parts["words"], parts["denoiser"]
        if start is not None:  # which may put what it sees into words
            config = words_config(start)
            if shape.talk and not (shape.tower or shape.rebuild):  # or no language model would have met the new words
                config = spelling_config(config, meanings or {})
            self.words = VisualWords(**{**config, "letters": CLASSES})
        self.strips = nn.Linear(self.vision.config.width, STRIPS * CLASSES)
        self.shows = nn.Linear(self.vision.config.width, self.words.config.hidden)
        tiny = shape.sizes.get("language")
        dtype = torch.bfloat16 if shape.half and not tiny else torch.float32
        base = language_model(dtype, layers=shape.layers, tiny=tiny)
        self.vlm = VisionLanguageModel(with_lora(base, shape.rank), self.words)
        table = base.get_input_embeddings().weight
        if meanings is not None:
            self.words.load_state_dict(lexicon(self.words.config, table, meanings), strict=False)
            for name in SORTS:
                self.register_buffer(f"meaning_{name}", meant(table, meanings[name]), persistent=False)
        if start is not None:
            self.take(start, shape)
        if checkpoints is not None:  # the frozen codebook
            self.words.codebook.copy_(standard(load_part("vq", checkpoints).codebook))
        self.freeze(shape)

    def take(self, run: Path, shape: Shape) -> None:
        """Weights of an earlier stage's run; LoRA goes to the layers that it belongs to."""
        state = state_of(run)
        for name in (*LEARNED, *PROBES):
            if name in state:
                mine = getattr(self, name).state_dict()
                added = ("",) if name == "denoiser" else ADDED  # of which a published part holds the adapter alone
                new = {n: t for n, t in mine.items() if n not in state[name] and n.startswith(added)}
                old = {n: widened(t, mine[n]) if n == BESIDE else t for n, t in state[name].items()}
                getattr(self, name).load_state_dict({**old, **new})
        kept, own = state["layers"], shape.layers
        moved = {}
        for name, value in state["lora"].items():
            head, number, tail = _layer(name)
            layer = kept[number] if kept is not None else number
            if own is not None and layer not in own:
                continue
            place = own.index(layer) if own is not None else layer
            moved[f"{head}.{place}.{tail}"] = value
        self.vlm.language.load_state_dict(moved, strict=False)

    def freeze(self, shape: Shape) -> None:
        for module, learns in ((self.vision, shape.vision), (self.denoiser, False), (self.vlm.language, False)):
            module.requires_grad_(learns)
        for name, p in self.denoiser.named_parameters():
            p.requires_grad_(shape.denoiser and "lora_" in name)
        for name, p in self.vlm.language.named_parameters():
            p.requires_grad_(shape.language and "lora_" in name)
        self.vision.project.requires_grad_(False)
        self.vision.vision.post_layernorm.requires_grad_(False)
        self.words.requires_grad_(True)
        if shape.tower:
            self.requires_grad_(False)
            for module in (self.vision.vision, self.strips, self.shows):
                module.requires_grad_(True)
            self.vision.vision.post_layernorm.requires_grad_(False)
        if shape.rebuild:
            for module in (self.vision, self.perceiver, self.words, self.strips, self.shows, self.vlm):
                module.requires_grad_(False)

    def see(self, s: Sight, tiles: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """V (B, 64, width), P (B, width), and the last layer's V_Lo (B, 64, vision), V_Hi (B, m, 64, vision)."""
        beside, width = self.perceiver.config.beside > 0, self.vision.config.width
        if s.seen_lo is not None and s.seen_hi is not None:
            v_lo, v_hi = s.seen_lo.float(), (s.seen_hi if tiles else s.seen_hi[:, :0]).float()
        else:
            v_lo, v_hi = encode_views(self.vision, s.snapshot, s.tiles if tiles else s.tiles[:, :0], s.frame, beside)
        v, p, _ = self.perceiver(v_lo, v_hi, s.centres[:, : v_hi.shape[1]])
        return v, p, v_lo[..., :width], v_hi[..., :width]

    def mean(self, words: Tensor, name: str) -> Tensor:
        """Logits of the names of one sort: visual words before their gain, (..., hidden) -> (..., names)."""
        return SHARPNESS * words.float() @ getattr(self, f"meaning_{name}").mT


def state_of(run: Path) -> dict[str, Any]:
    """What a run hands on: its all.pt or, where that is gone as in `checkpoints/`, its parts; PROBES then begin anew.

    Raises:
        CheckpointMissing: neither is there, or a part is damaged.
    """
    if (run / "all.pt").exists():
        return torch.load(run / "all.pt")
    state = {name: read_safetensors(run / name / STORED) for name in (*LEARNED, "lora")}
    layers = json.loads((run / "lora" / "config.json").read_text())["layers"]
    return {**state, "layers": None if layers is None else tuple(layers)}


def widened(old: Tensor, own: Tensor) -> Tensor:
    """A linear map (out, less) of an earlier run for inputs to which others were appended: (out, in of `own`)."""
    return F.pad(old, (0, own.shape[1] - old.shape[1]))


def called(embeddings: Tensor, phrases: list[list[int]]) -> Tensor:
    """Mean embedding (n, hidden) of each phrase's tokens, without what all words share."""
    table = embeddings.detach().float()
    return torch.stack([table[ids].mean(0) for ids in phrases]) - table.mean(0)


def meant(embeddings: Tensor, phrases: list[list[int]]) -> Tensor:
    """Unit vectors (n, hidden) towards what phrases are `called`."""
    return F.normalize(called(embeddings, phrases), dim=-1)


def words_config(run: Path) -> dict[str, Any]:
    """Arguments of a run's `VisualWords`."""
    found = json.loads((run / "words" / "config.json").read_text())
    return {k: v for k, v in found.items() if not k.startswith("_")}


def phrases_of(names: list[str], speller: Speller) -> dict[str, list[list[int]]]:
    """Token ids of the names of objects, colours and numbers, of each of LETTERS, and of a space and the end of a line
    ("gaps").
    """
    phrases = {"objects": names or ["object"], "colours": list(COLOURS), "numbers": NUMBERS}
    found = {k: [speller.encode(f" {p}") for p in ps] for k, ps in phrases.items()}
    return found | {k: [[i] for i in speller.letters(of)] for k, of in (("letters", LETTERS), ("gaps", " \n"))}


def spelling_config(config: dict[str, Any], phrases: dict[str, list[list[int]]]) -> dict[str, Any]:
    """Arguments of `VisualWords` that spell, with spaces, and name objects where V is compared with those names."""
    names = [*phrases.get("objects", []), *phrases.get("numbers", [])]
    out = {**config, "letters": CLASSES, "spaced": True}
    if config.get("names") and not config.get("named") and len(phrases.get("objects", [])) == config["names"][0]:
        out["named"] = max(map(len, names))
    return out


def lexicon(config: Any, embeddings: Tensor, phrases: dict[str, list[list[int]]]) -> dict[str, Tensor]:
    """What `VisualWords` with this config take from a language model, and how wide letters are.

    Args:
        embeddings: (vocabulary, hidden). phrases: of `phrases_of`.

    Returns:
        of their state: alphabet (letters, hidden), and gaps (2, hidden) and widths (letters,) in em where they are
        spaced, and calls (objects + numbers, named) int32 where they are named and have as many names as there are
        phrases.
    """
    state: dict[str, Tensor] = {}
    table = embeddings.detach().float()
    if config.get("letters"):
        state["alphabet"] = torch.zeros(config["letters"], table.shape[1])
        state["alphabet"][1 : len(phrases["letters"]) + 1] = table[torch.tensor(phrases["letters"])[:, 0]]
    if config.get("spaced"):
        state["gaps"] = table[torch.tensor(phrases["gaps"])[:, 0]]
        state["widths"] = torch.from_numpy(letter_widths(default_fonts()))
    names = phrases["objects"] + phrases["numbers"]
    if (
        config.get("named")
        and config["names"][0] == len(phrases["objects"])
        and max(map(len, names)) <= config["named"]
    ):
        state["calls"] = torch.full((len(names), config["named"]), -1, dtype=torch.int32)
        for row, ids in zip(state["calls"], names, strict=True):
            row[: len(ids)] = torch.tensor(ids)
    return state


def standard(codebook: Tensor) -> Tensor:
    """A codebook as the linear maps to words want it: mean 0, channels alike, and all codes as long as 16 unit channels
    are, or a long code would be the likeliest whatever is asked.
    """
    alike = (codebook - codebook.mean(0)) / codebook.std(0).clamp_min(1e-6)
    return F.normalize(alike, dim=-1) * codebook.shape[-1] ** 0.5


def _layer(name: str) -> tuple[str, int, str]:
    """ "...layers.3.self_attn..." -> ("...layers", 3, "self_attn...")."""
    head, tail = name.split(".layers.", 1)
    number, rest = tail.split(".", 1)
    return f"{head}.layers", int(number), rest


def untrained_autoencoder(shape: Shape) -> Any:
    """What the smoke configuration rebuilds in; always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return fresh_parts(None, shape.sizes)["autoencoder"].requires_grad_(False)


class VlsaStage:
    """Held out: posters of the test split, their conversations read by teacher forcing: an answer counts as right
    when each of its tokens is the likeliest one, which is when greedy decoding would write it.
    """

    def __init__(
        self, number: int, shape: Shape, train: list[Pictures], photos: Pictures | None, test: Pictures,
        vlad: Path | None, checkpoints: Path | None, start: Path | None, compile_layers: bool = False,
        reader: Path | None = None, seen_by: Path | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        self.reader, self.seen_by, self.seed = reader, seen_by, seed
        self.name = f"vlsa-{number}"
        self.rates = {"vision": 0.2, "vlm": 2.0} if number == 3 else {}  # of learning: the tower knows most by then
        self.shape, self.train, self.photos, self.test = shape, train, photos, test
        self.vlad, self.checkpoints, self.start, self.compile_layers = vlad, checkpoints, start, compile_layers
        self.device = best_device()
        source = get_preset("mini").language_model
        assert source is not None
        self.tokenizer = load_language_tokenizer(source)
        self.speller = Speller(self.tokenizer)
        self.talker = Talker(self.speller, shape.length, shape.cognition)
        self.examiner = Talker(self.speller, shape.length, 0.5)  # asks for codes and colours whatever was trained
        self.autoencoder: Any = load_vlad("autoencoder", vlad) if vlad else untrained_autoencoder(shape)
        self.autoencoder.to(self.device, memory_format=torch.channels_last)
        self.vq: Any = load_part("vq", checkpoints).to(self.device) if checkpoints else None
        self.among = self.words() if shape.layers is not None else None
        self.cover = cell_cover(CELLS, 256 // 8 // CELLS).to(self.device)

    def words(self) -> Tensor:
        """Ids of all words that an answer uses, sorted: what the small decoder scores."""
        found = [np.unique(d.conversations.answers.values) for d in (*self.train, self.photos, self.test) if d]
        ends = np.array([*self.speller.end, *self.speller.next], np.int64)
        return torch.from_numpy(np.unique(np.concatenate([*found, ends]).astype(np.int64))).to(self.device)

    def modules(self) -> nn.Module:
        model = Vlsa(self.shape, self.vlad, self.start, self.checkpoints, self.meanings()).to(self.device)
        if self.reader is not None:
            model.vision.letters.load_state_dict(torch.load(self.reader / "all.pt")["letters"])
        if self.seen_by is not None:
            model.vision.load_state_dict(state_of(self.seen_by)["vision"])
        language: Any = model.vlm.language
        for part in (model.vision.vision, language.get_base_model()):
            part.set_attn_implementation(attention(self.device))
        if self.compile_layers:
            for layer in model.vlm.decoder.layers:
                layer.compile(dynamic=False)
        return model

    def meanings(self) -> dict[str, list[list[int]]]:
        return phrases_of(next((d.names for d in self.train if d.names), []), self.speller)

    # -- batches

    def look(self, data: Pictures, rows: np.ndarray, frame: tuple[int, int], scale: tuple[float, float]) -> Sight:
        """What the encoder sees of some pictures."""
        return sight(data, rows, frame, scale)

    def draw(self, data: Pictures, rows: np.ndarray, rng: np.random.Generator, frame: tuple, scale: tuple):
        s = self.look(data, rows, frame, scale)
        if self.shape.tower:
            return one_tile(s, rng), None
        if self.shape.rebuild or not self.shape.talk:
            return s, None
        n = max(1, round(self.shape.talk * len(rows)))
        requests = self.requests(s, n) if self.shape.cognition else None
        return s, self.talker.talk(data.conversations, rows[:n], rng, requests)

    @torch.no_grad()
    def requests(self, s: Sight, n: int) -> list[Requests] | None:
        if self.vq is None:
            return None
        with torch.autocast(self.device, torch.bfloat16):
            index = self.vq.indices(s.picture[:n].to(self.device)).cpu().numpy()
        pixels = to_uint8(s.picture[:n]).cpu().numpy()
        vocabulary = self.vocabulary
        return [Requests(i, cell_colours(p), vocabulary) for i, p in zip(index, pixels, strict=True)]

    @property
    def vocabulary(self) -> int:
        return len(self.tokenizer)

    def batch(self, step: int, size: int) -> tuple[Sight, Talk]:
        shared = np.random.default_rng((78, step // int(os.environ.get("WORLD_SIZE", "1")), self.seed))
        frame = (
            (2, 2) if self.shape.tower else FRAMES[int(shared.integers(len(FRAMES)))]
        )  # equal in all processes: they wait for each other
        rng = np.random.default_rng((79 if self.shape.tower else 77, step, self.seed))
        fill = (float(rng.uniform(0.7, 1)), float(rng.uniform(0.7, 1))) if rng.random() < SHRUNK else (1.0, 1.0)
        if frame[0] * frame[1] > 6:  # many tiles: fewer pictures
            size = max(1, size // 2)
        data, rows = drawn(self.train, self.photos, size, rng)
        return self.draw(data, rows, rng, frame, fill)

    # -- losses

    def loss(self, model: Any, batch: tuple[Sight, Talk | None], generator: torch.Generator):
        s = batch[0].to(self.device)
        if self.shape.tower:
            return weighed(self.tower_losses(model, s))
        v, p, v_lo, v_hi = model.see(s, self.shape.tiles)
        parts: dict[str, Tensor] = self.rebuild_losses(model, v, p, s, generator)
        if self.shape.rebuild:
            return weighed(parts)
        if batch[1] is not None:
            parts["lm"] = self.language_loss(model, v, batch[1].to(self.device))
        words = model.words.read(v)
        parts["letters"] = letter_loss(model.words.spelled(v), s.letters, EMPTY)
        parts["things"] = thing_loss(model.mean(words, "objects"), s.objects)
        parts["grounds"] = F.cross_entropy(model.mean(words, "colours").flatten(0, 1), s.grounds.flatten())
        parts["copies"] = copies_loss(model.mean(words, "numbers"), s.copies)
        parts["tower"] = thing_loss(model.mean(model.shows(v_lo), "objects"), s.objects)
        if v_hi.shape[1]:
            parts["strips"] = letter_loss(model.strips(v_hi), s.places)
            parts["details"] = thing_loss(model.mean(model.shows(v_hi), "objects"), s.details)
        return weighed(parts)

    def tower_losses(self, model: Any, s: Sight) -> dict[str, Tensor]:
        v_lo, v_hi = encode_views(model.vision, s.snapshot, s.tiles, s.frame)
        low, high = model.shows(v_lo), model.shows(v_hi)
        return {
            "things": thing_loss(model.mean(low, "objects"), s.objects),
            "details": thing_loss(model.mean(high, "objects"), s.details),
            "copies": copies_loss(model.mean(low, "numbers"), s.copies),
            "grounds": F.cross_entropy(model.mean(low, "colours").flatten(0, 1), s.grounds.flatten()),
            "strips": letter_loss(model.strips(v_hi), s.places),
        }

    def language_loss(self, model: Any, v: Tensor, talk: Talk) -> Tensor:
        """Exchanges do not see each other: a true answer earlier in a conversation would be copied, not seen."""
        n = len(talk.ids)
        with disable_input_dtype_casting(model.vlm.language):
            logits, ids = model.vlm(v[:n], talk.ids, talk.mask, talk.answers, self.among, talk.turn)
        nll = F.cross_entropy(logits, ids, reduction="none")
        weight = talk.weight[talk.answers]
        return (nll * weight).sum() / weight.sum()

    def rebuild_losses(self, model: Any, v: Tensor, p: Tensor, s: Sight, generator: torch.Generator):
        n = max(1, round(self.shape.rebuilt * len(v)))
        if not self.shape.reconstruct:
            v, p = v.detach(), p.detach()
        with torch.no_grad():
            clean = self.autoencoder.encode(s.picture[-n:]).float()
        draft = model.preview(v[-n:])
        parts = {"preview": reconstruction_loss(clean, draft)}
        k = max(1, round(self.shape.denoised * len(v)))
        if self.shape.denoiser:
            parts["rec"] = self.denoising_loss(model, v[-k:], p[-k:], clean[-k:], draft[-k:].detach(), generator)
        return parts

    def denoising_loss(self, model: Any, v: Tensor, p: Tensor, clean: Tensor, draft: Tensor, g: torch.Generator):
        """L_rec, eq. (3), at a random noise level."""
        sigma = (0.02 + 0.98 * torch.rand(len(clean), generator=g)).to(clean.device)
        x = add_noise(clean, torch.randn(clean.shape, generator=g).to(clean.device), sigma)
        tokens, pooled = model.epigone(v, p)
        free = (torch.rand(len(clean), generator=g) < UNCONDITIONAL).to(clean.device)
        tokens, pooled = tokens.masked_fill(free[:, None, None], 0), pooled.masked_fill(free[:, None], 0)
        return reconstruction_loss(clean, self.denoised(model, x, sigma, draft.float(), tokens, pooled))

    def denoised(self, model: Any, x: Tensor, sigma: Tensor, draft: Tensor, tokens: Tensor, pooled: Tensor) -> Tensor:
        cover = self.cover[None].expand(len(x), -1, -1, -1)
        return model.denoiser(x, sigma, draft, tokens.float(), pooled.float(), cover)

    # -- held out

    def evaluate(self, model: Any) -> dict[str, float]:
        metrics: dict[str, list[float]] = {}
        rng = np.random.default_rng(5)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.shape.half):
            for i in range(0, 96 if self.shape.layers or self.shape.tower else 48, 16):
                rows = np.arange(i, min(i + 16, len(self.test)))
                if len(rows):
                    self._measure(model, rows, rng, metrics)
        means = {k: float(np.nanmean(x)) for k, x in metrics.items() if not np.isnan(x).all()}
        names = [
            "psnr",
            "ssim",
            "letter_accuracy",
            "strip_accuracy",
            "thing_accuracy",
            "ground_accuracy",
            "copies_accuracy",
            "nll",
            *(f"exact_{k}" for k in WATCHED),
            "exact_codes",
            "code_top1",
            "pixel_mae",
        ]
        return {k: means.get(k, float("nan")) for k in names}

    def _measure(self, model: Any, rows: np.ndarray, rng: np.random.Generator, metrics: dict[str, list[float]]):
        shape = (2, 2)
        s = self.look(self.test, rows, shape, (1.0, 1.0)).to(self.device)
        if self.shape.tower:
            v_lo, v_hi = encode_views(model.vision, s.snapshot, s.tiles, s.frame)
            self._measure_marks(model, s, model.shows(v_lo), v_hi, metrics)
            return
        v, _, _, v_hi = model.see(s, self.shape.tiles)
        self._measure_pictures(model, s, v, metrics)
        if self.shape.rebuild:
            return
        talk = self.examiner.talk(self.test.conversations, rows, rng, self.requests(s, len(rows))).to(self.device)
        logits, ids = model.vlm(v, talk.ids, talk.mask, talk.answers, self.among, talk.turn)
        right = logits.argmax(-1) == ids
        metrics.setdefault("nll", []).append(float(F.cross_entropy(logits, ids)))
        for kind, exact in answers_right(talk, right):
            metrics.setdefault(f"exact_{KINDS[kind]}" if kind >= 0 else "exact_codes", []).append(exact)
        for name, value in cognition_figures(
            logits, ids, len(self.among) if self.among is not None else self.vocabulary
        ):
            metrics.setdefault(name, []).append(value)
        words = model.words.read(v)
        guess = model.words.spelled(v).argmax(-1)
        metrics.setdefault("letter_accuracy", []).append(float((guess == s.letters)[s.letters > 0].float().mean()))
        self._measure_marks(model, s, words, v_hi, metrics)

    def _measure_pictures(self, model: Any, s: Sight, v: Tensor, metrics: dict[str, list[float]]):
        picture = self.autoencoder.decode(model.preview(v)).float()
        similar = [
            ssim(a, b) for a, b in zip(to_uint8(picture).cpu().numpy(), to_uint8(s.picture).cpu().numpy(), strict=True)
        ]
        metrics.setdefault("ssim", []).extend(similar)
        metrics.setdefault("psnr", []).append(psnr(picture, s.picture))

    def _measure_marks(self, model: Any, s: Sight, words: Tensor, v_hi: Tensor, metrics: dict[str, list[float]]):
        """What stands where: objects, their number and the ground by the snapshot's cells, letters by tile tokens."""
        shown = s.objects > 0
        said = {n: model.mean(words, n).argmax(-1) for n in ("objects", "colours", "numbers")}
        found = {
            "thing_accuracy": (said["objects"] + 1 == s.objects)[shown],
            "ground_accuracy": said["colours"] == s.grounds,
            "copies_accuracy": (said["numbers"] + 1 == s.copies)[s.copies > 1],
        }
        if v_hi.shape[1]:
            guess = model.strips(v_hi).unflatten(-1, (-1, CLASSES)).argmax(-1)
            found["strip_accuracy"] = (guess == s.places)[s.places > 0]
        for name, right in found.items():
            metrics.setdefault(name, []).append(float(right.float().mean()))

    def save(self, model: Any, folder: Path) -> None:
        """Everything for the next stage (all.pt), and the parts as the loaders read them."""
        state = {k: getattr(model, k).state_dict() for k in (*LEARNED, *PROBES)}
        lora = adapter_weights(model.vlm.language)
        torch.save({**state, "lora": lora, "layers": self.shape.layers}, folder / "all.pt")
        for name in ("vision", "perceiver", "epigone", "preview", "words"):
            save_part(getattr(model, name), folder / name)
        save_tensors(adapter_weights(model.denoiser), folder / "denoiser")
        save_tensors(lora, folder / "lora")
        facts = {"rank": self.shape.rank, "layers": self.shape.layers}
        (folder / "lora" / "config.json").write_text(json.dumps(facts, indent=1) + "\n")


WATCHED = (
    "read", "read_where", "presence", "count", "background_colour", "objects", "caption", "text_presence",
    "text_colour", "object_colour", "position", "text_place",
)  # fmt: skip


def cognition_figures(logits: Tensor, ids: Tensor, words: int) -> list[tuple[str, float]]:
    """code_top1, the share of right indices, and pixel_mae, the mean absolute error of colours in 0..255, of answers
    read by teacher forcing, the likeliest of the new tokens of its kind counting as said.

    Args:
        logits: (K, words + new tokens). ids: (K,) with the new tokens from `words` upwards.
    """
    own, found = ids - words, []
    codes, colours = (own >= 0) & (own < CODES), own >= CODES
    if codes.any():
        said = logits[codes, words : words + CODES].argmax(-1)
        found.append(("code_top1", float((said == own[codes]).float().mean())))
    if colours.any():
        said = logits[colours, words + CODES :].argmax(-1)
        a, b = (colours_of(x.cpu().numpy()).astype(float) for x in (said, own[colours] - CODES))
        found.append(("pixel_mae", float(np.abs(a - b).mean())))
    return found


WEIGHTS = {
    "things": 1.0,
    "tower": 0.5,
    "details": 0.5,
    "grounds": 0.2,
    "copies": 0.2,
    "preview": 3.0,
    "letters": 3.0,
}  # of the losses; the others weigh 1


def weighed(parts: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """The sum of all losses, and each of them to be logged."""
    total = torch.stack([WEIGHTS.get(k, 1.0) * x for k, x in parts.items()]).sum()
    return total, {k: float(x.detach()) for k, x in parts.items()}


def one_tile(s: Sight, rng: np.random.Generator) -> Sight:
    """The same pictures with one tile each, drawn at random; `centres` are not those of the tile."""
    i, k = torch.arange(len(s.tiles)), torch.from_numpy(rng.integers(0, s.tiles.shape[1], len(s.tiles)))
    taken = {n: getattr(s, n)[i, k][:, None] for n in ("tiles", "places", "details")}
    return dataclasses.replace(s, **taken, centres=s.centres[:, :1])


def letter_loss(logits: Tensor, target: Tensor, empty: float = 0.05) -> Tensor:
    """Cross-entropy of the class in each slot; logits (..., slots * CLASSES), target (..., slots) long. A slot without
    a letter weighs as little as `empty`, since most are.
    """
    nll = F.cross_entropy(logits.float().reshape(-1, CLASSES), target.flatten(), reduction="none")
    weight = torch.where(target.flatten() > 0, 1.0, empty)
    return (nll * weight).sum() / weight.sum().clamp_min(1)


def thing_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of each cell's object against "none", whose logit is 0: logits (..., names), target (...) from 1,
    0 = no object, which weighs little, -1 = not known, which is left out.
    """
    scores = F.pad(logits.flatten(0, -2), (1, 0))
    nll = F.cross_entropy(scores, target.flatten(), ignore_index=-1, reduction="none")
    weight = torch.where(target.flatten() > 0, 1.0, 0.1) * (target.flatten() >= 0)
    return (nll * weight).sum() / weight.sum().clamp_min(1)


def copies_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the number of copies (from 1) at cells that show an object; 0 where none does. One of a kind is
    the rule, so it weighs less.
    """
    target = target.flatten()
    nll = F.cross_entropy(logits.flatten(0, -2), target - 1, ignore_index=-1, reduction="none")
    weight = torch.where(target > 1, 1.0, 0.2) * (target > 0)
    return (nll * weight).sum() / weight.sum().clamp_min(1)


def attention(device: str) -> str:
    """On a CPU the plain backward pass is a third faster than the fused one's; on a GPU it would not fit."""
    return "eager" if device == "cpu" else "sdpa"


def answers_right(talk: Talk, right: Tensor) -> list[tuple[int, float]]:
    """(kind, 1.0 if every token of the answer is right) for each answer; `right`: (K,) over `talk.answers`."""
    flat = torch.zeros_like(talk.answers)
    flat[talk.answers] = right
    out = []
    for row_answers, row_right, row_kind in zip(talk.answers, flat, talk.kind, strict=True):
        edges = torch.diff(F.pad(row_answers.int(), (1, 1))).nonzero()[:, 0].tolist()
        for a, b in zip(edges[::2], edges[1::2], strict=True):
            out.append((int(row_kind[a]), float(row_right[a:b].all())))
    return out


def main() -> None:
    p = parser(__doc__ or "")
    p.set_defaults(data=None)
    p.add_argument("--stage", type=int, choices=STAGES, required=True)
    p.add_argument("--posters", type=Path, nargs="+", default=[Path(".cache/posters")])
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    p.add_argument("--photos", type=Path)
    p.add_argument("--checkpoints", type=Path, default=Path("checkpoints/vlsa-mini"), help="where vq is")
    p.add_argument("--earlier", type=Path, help="run of the stage before")
    p.add_argument("--reader", type=Path, help="run of training.vlsa_letters whose letter reader is taken")
    p.add_argument("--tower", action="store_true", help="stage 2: only what stands where, by the vision encoder alone")
    p.add_argument("--no-vision", action="store_true", help="leave the vision encoder as it is")
    p.add_argument("--rebuild", action="store_true", help="stage 3: only what rebuilds, on embeddings that stay")
    p.add_argument("--compile", action="store_true", help="compile the language model's layers")
    p.add_argument("--talk", type=float, help="share of the batch that talks; 0 = none")
    p.add_argument("--rebuilt", type=float, help="share of the batch that is previewed")
    p.add_argument("--denoised", type=float, help="share of the batch that is denoised")
    args = p.parse_args()
    given = {k: getattr(args, k) for k in ("talk", "rebuilt", "denoised") if getattr(args, k) is not None}
    shape = dataclasses.replace(STAGES[args.stage], **given)
    shape = dataclasses.replace(shape, tower=args.tower, rebuild=args.rebuild)
    if args.no_vision:
        shape = dataclasses.replace(shape, vision=False)
    if args.config == "smoke":
        shape = dataclasses.replace(shape, sizes=SMOKE_SIZES, rank=2)
        args.weights = None
    config = chosen(CONFIGS, args)
    shape = dataclasses.replace(shape, half=config.precision == "bf16")
    stage = VlsaStage(
        args.stage, shape, [load_pictures(d) for d in args.posters],
        load_pictures(args.photos) if args.photos else None, load_pictures(args.held_out),
        args.weights, args.checkpoints, args.earlier, args.compile, args.reader, None, config.seed,
    )  # fmt: skip
    fit(stage, config, args.out)


if __name__ == "__main__":
    main()
