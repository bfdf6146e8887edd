"""Stage III's language model alone, behind embeddings that stay: LoRA and the visual words learn, all else is frozen.

    python -m training.vlsa_embed --run RUN --data DIR ...
    python -m training.vlsa_embed --run RUN --data TEST --plain
    python -m training.vlsa_chat --earlier RUN --posters DIR ... [--photos DIR] --held-out TEST --out DIR

In stage III the encoder costs more than half of a step; here a step is the language model's. RUN is a run of
`training.vlsa`; what it trained besides is passed on, so that OUT continues it. The loss is L, eq. (8), with the
targets of cognition alignment, eq. (5), among the conversations.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft.helpers import disable_input_dtype_casting
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.config import get_preset
from pipelines.models.vlm import SORTS, TELLING, VisionLanguageModel, VisualWords
from pipelines.registry import load_language_tokenizer
from pipelines.vlad.loaders import adapter_weights
from pipelines.vlsa.cognition import Requests
from pipelines.vlsa.loaders import language_model, with_lora
from pipelines.vlsa.spelling import Speller
from training.checkpoints import save_part, save_tensors
from training.data.questions import KINDS
from training.loop import RunConfig, best_device, chosen, fit, parser
from training.vlsa import (
    SMOKE_SIZES,
    WATCHED,
    answers_right,
    attention,
    called,
    cognition_figures,
    lexicon,
    phrases_of,
    spelling_config,
    state_of,
    thing_loss,
    weighed,
    words_config,
)
from training.vlsa_batches import Cells, Talk, Talker, drawn
from training.vlsa_embed import Embedded, load_embedded

CONFIGS = {
    "smoke": RunConfig(steps=2, batch=2, warmup=1, eval_every=2, save_every=2, precision="no"),
    "cpu": RunConfig(steps=3000, batch=12, lr=6e-4, warmup=50, ema=0.99, eval_every=250, save_every=250),
    "gpu": RunConfig(steps=20000, batch=96, lr=6e-4, minutes=9, eval_every=1000, save_every=5000),
}
STAYS = "spell.", *TELLING  # V stays, and what is spelled and told with it
HELD_OUT = 64  # pictures that are measured


class ChatStage:
    """Held out: conversations about pictures of the test split, read by teacher forcing as in `training.vlsa`.

    Args:
        run: the earlier run. language: run whose LoRA is gone on with instead of its.
        cognition: chance of each of the two requests in a conversation. length: most tokens of one. kinds: the only
        ones that are asked; None = all. rows: of cells that are asked for. rates: see
        `training.loop.parameter_groups`. named: True = visual words get names, which count `boost` times. sizes: of
        tiny models (tests). seed: of the batches. half: the language model in bfloat16. rank: of a LoRA that begins
        anew; None = the run's goes on.
    """

    name = "vlsa-chat"

    def __init__(
        self, run: Path, posters: Sequence[Embedded], photos: Embedded | None, test: Embedded, length: int = 192,
        cognition: float = 0.5, kinds: Sequence[str] | None = None, rows: int = 0,
        language: Path | None = None, rates: dict[str, float] | None = None, named: bool = False,
        boost: float | None = None, sizes: dict[str, dict[str, Any]] | None = None, compile_layers: bool = False,
        seed: int = 0, half: bool = True, rank: int | None = None,
    ) -> None:  # fmt: skip
        self.run, self.posters, self.photos, self.test = run, posters, photos, test
        self.sizes, self.compile_layers, self.rates = sizes or {}, compile_layers, rates or {}
        self.seed, self.half = seed, half and not self.sizes
        self.device = best_device()
        self.state = state_of(run)
        spoken = state_of(language) if language else self.state
        own = json.loads(((language or run) / "lora" / "config.json").read_text())["rank"]
        self.rank = rank or own
        keeps = spoken["layers"] is None and rank is None  # the small decoder's belongs to other inputs
        self.lora = spoken["lora"] if keeps else {}
        source = get_preset("mini").language_model
        assert source is not None
        tokenizer = load_language_tokenizer(source)
        self.vocabulary = len(tokenizer)
        speller = Speller(tokenizer)
        self.talker = Talker(speller, length, cognition, kinds=kinds, rows=rows)
        self.examiner = Talker(speller, length, 0.5)
        self.boost = boost
        self.named, self.phrases = named, phrases_of(test.names, speller)

    def modules(self) -> nn.Module:
        tiny = self.sizes.get("language")
        base = language_model(torch.bfloat16 if self.half else torch.float32, tiny=tiny)
        words = self.words(base.get_input_embeddings().weight)
        model = VisionLanguageModel(with_lora(base, self.rank), words).to(self.device)
        language: Any = model.language
        language.load_state_dict(self.lora, strict=False)
        for name, p in words.named_parameters():
            p.requires_grad_(not name.startswith(STAYS))
        for name, p in language.named_parameters():
            p.requires_grad_("lora_" in name)
        language.get_base_model().set_attn_implementation(attention(self.device))
        if self.compile_layers:
            for layer in model.decoder.layers:
                layer.compile(dynamic=False)
        return model

    def words(self, embeddings: Tensor) -> VisualWords:
        """The run's, with names where they are wanted; spelled with spaces, and objects named."""
        config, state = words_config(self.run), self.state["words"]
        if self.named:
            config |= {"names": [len(self.phrases[k]) for k in SORTS], "named": 0, "told": 0, "wholes": []}
            state = {n: t for n, t in state.items() if n not in ("calls", "terms") and not n.startswith(TELLING)}
            state["table"] = torch.cat([called(embeddings, self.phrases[k]) for k in SORTS])
        if config.get("names") and self.boost is not None:
            config["boost"] = self.boost
        if config.get("letters"):
            config = spelling_config(config, self.phrases)
            state = {**lexicon(config, embeddings, self.phrases), **state}  # what the run has is kept
        words = VisualWords(**config)
        words.load_state_dict(state)
        return words

    def batch(self, step: int, size: int) -> tuple[Tensor, Talk, Tensor, Tensor]:
        rng = np.random.default_rng((81, step, self.seed))
        data, rows = drawn(self.posters, self.photos, size, rng)
        v, talk = self.draw(data, rows, self.talker, rng)
        objects, grounds = (torch.from_numpy(a[rows].astype(np.int64)) for a in (data.objects, data.grounds))
        return v, talk, objects, grounds

    def draw(self, data: Embedded, rows: np.ndarray, talker: Talker, rng: np.random.Generator) -> tuple[Tensor, Talk]:
        requests = [Requests(data.codes[r].astype(int), data.colours[r], self.vocabulary) for r in rows]
        v = torch.from_numpy(np.stack([data.v[r] for r in rows])).float()
        known = len(data.names) > 0
        cells = [Cells(data.objects[r], data.grounds[r], data.names) for r in rows] if known else None
        return v, talker.talk(data.conversations, rows, rng, requests, cells)

    def loss(self, model: Any, batch: tuple[Tensor, Talk, Tensor, Tensor], generator: torch.Generator):
        v, talk = batch[0].to(self.device), batch[1].to(self.device)
        with disable_input_dtype_casting(model.language):
            logits, ids = model(v, talk.ids, talk.mask, talk.answers, None, talk.turn)
        weight = talk.weight[talk.answers]
        loss = (F.cross_entropy(logits, ids, reduction="none") * weight).sum() / weight.sum()
        parts = {"lm": loss}
        if model.words.config.names:
            things, colours, _ = model.words.logits(model.words.read(v))
            parts["things"] = thing_loss(things, batch[2].to(self.device))
            parts["grounds"] = F.cross_entropy(colours.flatten(0, 1), batch[3].to(self.device).flatten())
        return weighed(parts)

    def evaluate(self, model: Any) -> dict[str, float]:
        found: dict[str, list[float]] = {}
        rng = np.random.default_rng(5)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.half):
            for i in range(0, min(HELD_OUT, len(self.test)), 16):
                rows = np.arange(i, min(i + 16, len(self.test)))
                v, talk = self.draw(self.test, rows, self.examiner, rng)
                self._measure(model, v.to(self.device), talk.to(self.device), found)
        names = ["nll", *(f"exact_{k}" for k in WATCHED), "exact_codes", "code_top1", "pixel_mae"]
        return {k: float(np.mean(found[k])) if k in found else float("nan") for k in names}

    def _measure(self, model: Any, v: Tensor, talk: Talk, found: dict[str, list[float]]) -> None:
        logits, ids = model(v, talk.ids, talk.mask, talk.answers, None, talk.turn)
        found.setdefault("nll", []).append(float(F.cross_entropy(logits, ids)))
        for kind, exact in answers_right(talk, logits.argmax(-1) == ids):
            found.setdefault(f"exact_{KINDS[kind]}" if kind >= 0 else "exact_codes", []).append(exact)
        for name, value in cognition_figures(logits, ids, self.vocabulary):
            found.setdefault(name, []).append(value)

    def save(self, model: Any, folder: Path) -> None:
        """The run's state with the new LoRA and words, and both as the loaders read them."""
        lora = adapter_weights(model.language)
        changed = {"words": model.words.state_dict(), "lora": lora, "layers": None}
        torch.save({**self.state, **changed}, folder / "all.pt")
        save_part(model.words, folder / "words")
        save_tensors(lora, folder / "lora")
        (folder / "lora" / "config.json").write_text(json.dumps({"rank": self.rank, "layers": None}, indent=1) + "\n")


def main() -> None:
    p = parser(__doc__ or "")
    p.add_argument("--posters", type=Path, nargs="+", required=True)
    p.add_argument("--held-out", type=Path, default=Path(".cache/posters-held-out"))
    p.add_argument("--photos", type=Path)
    p.add_argument("--earlier", type=Path, required=True, help="run that is gone on with")
    p.add_argument("--embedded", type=Path, help="run that embedded the pictures, if not that one")
    p.add_argument("--language", type=Path, help="run of stage III or of this recipe whose LoRA is gone on with")
    p.add_argument("--length", type=int, default=192, help="most tokens of a conversation")
    p.add_argument("--cognition", type=float, default=0.5, help="chance of each request for codes and colours")
    p.add_argument("--kinds", nargs="+", choices=KINDS, help="the only kinds of question that are asked")
    p.add_argument("--rows", type=int, default=0, help="rows of cells that a conversation asks for")
    p.add_argument("--gain", type=float, default=1.0, help="learning rate of LoRA's B beside the others'")
    p.add_argument("--names", action="store_true", help="add to visual words what they are called")
    p.add_argument(
        "--boost", type=float, help="how much a visual word is what it is called, where it is put into words"
    )
    p.add_argument("--compile", action="store_true", help="compile the language model's layers")
    p.add_argument("--rank", type=int, help="begin a LoRA of this rank anew, to compare ranks")
    args = p.parse_args()
    by = args.embedded or args.earlier
    config = chosen(CONFIGS, args)
    stage = ChatStage(
        args.earlier, [load_embedded(by, d) for d in args.posters],
        load_embedded(by, args.photos) if args.photos else None, load_embedded(by, args.held_out),
        args.length, args.cognition, args.kinds, args.rows,
        args.language, {"lora_B": args.gain}, args.names, args.boost,
        SMOKE_SIZES if args.config == "smoke" else None, args.compile,
        config.seed, config.precision == "bf16", args.rank,
    )  # fmt: skip
    fit(stage, config, args.out)


if __name__ == "__main__":
    main()
