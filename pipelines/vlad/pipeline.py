"""VLAD: prompt -> parts -> layout (first diffusion stage) -> canvas -> image (second diffusion stage)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pipelines.cache import ModelCache
from pipelines.config import get_preset
from pipelines.errors import BadLayout, CheckpointMissing
from pipelines.images import to_batch, to_images
from pipelines.models.encoder import spelled
from pipelines.models.reader import letter_counts
from pipelines.models.tlg import sample_layout
from pipelines.runtime import make_generator, on_zero_gpu
from pipelines.sampling import CleanPrediction, anchored, denoise, get_noise, guided
from pipelines.types import KINDS, Element, Generation, Layout, Progress
from pipelines.vlad import prompt as decomposition
from pipelines.vlad import readback
from pipelines.vlad.alignment import match_background, match_objects
from pipelines.vlad.canvas import draw_canvas
from pipelines.vlad.fonts import default_fonts
from pipelines.vlad.negative import read_negative, without
from pipelines.vlad.planning import best_of, make_layout, make_plan
from pipelines.vlad.readback import ReadBack
from pipelines.vlad.settings import DRAWING
from pipelines.vlad.sketches import Sketcher
from pipelines.vlad.slots import cover, encode
from pipelines.vlad.text import embed_phrases, tokens_of, told_phrase

LAYOUT_STEPS = 8
CANDIDATES = 6
MORE_CANDIDATES = 18  # further ones, if the best shows what is to be avoided
SKETCHES_KEPT = 256
MODELS = (
    "tokenizer",
    "vlad.encoder",
    "vlad.ccm",
    "vlad.tlg",
    "vlad.sketch",
    "vlad.autoencoder",
    "vlad.vision",
)
STABLE = ("vlad.prompts", "vlad.vae", "vlad.vfe")  # of which only the last is in every preset


@dataclasses.dataclass(frozen=True)
class Settings:
    """Checked settings of one generation; see `pipelines.vlad.settings`."""

    seed: int
    images: int
    steps: int
    guidance: float
    start: float
    size: int
    use_ccm: bool
    hierarchical_guidance: bool


class Condition(NamedTuple):
    """What the denoiser attends to: tokens (B, T, context), pooled t (B, pooled) and, where those are not CCM's, CCM's
    embeddings of the elements (B, M, d).
    """

    tokens: Tensor
    t: Tensor
    elements: Tensor | None = None

    def expand(self, n: int) -> Condition:
        """The same for each of n images, from B = 1."""
        return Condition(*(None if x is None else x.expand(n, *x.shape[1:]) for x in self))  # type: ignore[arg-type]

    def zeros(self) -> Condition:
        """Nothing to attend to."""
        return Condition(*(None if x is None else torch.zeros_like(x) for x in self))  # type: ignore[arg-type]


class VladPipeline:
    """The whole of VLAD over a model cache. Thread-safe: no state of a request is kept.

    Args:
        cache: holds the models that `pipelines.vlad.loaders.register` knows. preset: "mini" or "full".
    """

    def __init__(self, cache: ModelCache, preset: str = "mini") -> None:
        self.cache, self.preset, self.how = cache, get_preset(preset), DRAWING[preset]
        self._latents = self.preset.latents
        self.fonts = default_fonts()
        self._sketcher: tuple[int, Sketcher] | None = None

    def preload(self, run: bool = True) -> None:
        """Load everything and run once, so that the first visitor does not wait.

        Args:
            run: False only loads, where what is lent for each call is not there yet (ZeroGPU).

        Raises:
            CheckpointMissing: a part is absent or damaged.
        """
        for name in STABLE:  # one after another: together they may be more than fits
            if name in self.cache:
                self.cache.preload(name)
        self.cache.preload(*MODELS)
        if on_zero_gpu():  # nothing can be loaded later; elsewhere text recognition waits until it is wanted
            with suppress(CheckpointMissing):
                self.cache.preload("ocr")
        if not run:
            return
        layout = self.plan("A poster with the text 'Hello'", seed=0)
        self.generate(layout, steps=1)

    def understand(self, prompt: str) -> decomposition.Understanding:
        """The prompt's global caption and local elements.

        Raises:
            BadPrompt: nothing to draw, or too much.
        """
        return decomposition.understand(prompt)

    # -- first stage: layout -------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def plan(
        self,
        prompt: str,
        *,
        seed: int = 0,
        variety: float | None = None,
        locked: Sequence[Element] = (),
        use_ccm: bool = True,
        negative_prompt: str = "",
    ) -> Layout:
        """Sample the layout, eq. (6): the best of CANDIDATES by overlap, size of letters and how little must be moved.

        Args:
            prompt: up to 2,000 characters. seed: one layout per seed. variety: sigma of eq. (6) in [0, 1].
            locked: elements that keep their box and look. use_ccm: False withholds
            everything local: embeddings, hints, relations, places, room for long texts. negative_prompt: what to leave
            out and which looks to avoid where the prompt leaves them open, see `pipelines.vlad.negative`.

        Raises:
            BadPrompt, BadSetting, CheckpointMissing.
        """
        seed, sigma = int(self.how.checked("seed", seed)), self.how.checked("variety", variety)
        understood, avoided = self.understand(prompt), read_negative(negative_prompt)
        choices = avoided.choices
        plan = make_plan(without(understood, avoided), locked, choices)
        slots, fixed, hints = encode(plan.wishes)
        if not use_ccm:
            keep = np.array([[w.element.locked or w.element.kind == "background"] for w in plan.wishes])
            fixed, hints = fixed * keep, hints * (np.arange(hints.shape[1]) < len(KINDS))
        elements = [w.element for w in plan.wishes]
        tokens, _ = self._compose(prompt, elements, use_ccm)
        n = CANDIDATES if sigma > 0 else 1
        with self.cache.use("vlad.tlg") as (tlg,):
            device = _device(tlg)
            known, mask_of_known, told = (
                torch.from_numpy(np.asarray(a, np.float32)).to(device).expand(n, -1, -1) for a in (slots, fixed, hints)
            )
            mask = torch.ones(n, len(elements), dtype=torch.bool, device=device)
            generator = make_generator(seed)

            def sample() -> np.ndarray:
                z = sample_layout(
                    tlg, known, mask_of_known, told, tokens.expand(n, -1, -1), mask,
                    steps=LAYOUT_STEPS, variety=sigma, generator=generator,
                )  # fmt: skip
                return z.float().cpu().numpy()

            sampled = sample()
            best, untouched = best_of(plan, sampled, self.fonts, seed, use_ccm, choices)
            if not untouched and n > 1:
                sampled = np.concatenate([sampled, *(sample() for _ in range(MORE_CANDIDATES // n))])
                best, _ = best_of(plan, sampled, self.fonts, seed, use_ccm, choices)
        return make_layout(understood, best, seed, avoided.text)

    @torch.inference_mode()
    def _compose(self, prompt: str, elements: Sequence[Element], use_ccm: bool) -> tuple[Tensor, Tensor]:
        """CCM's tokens (1, 1 + M, d) and pooled t (1, d), eq. (2)."""
        return self._compose_all([prompt], [elements], use_ccm)

    def _compose_all(
        self, prompts: Sequence[str], elements: Sequence[Sequence[Element]], use_ccm: bool
    ) -> tuple[Tensor, Tensor]:
        """As `_compose` for B prompts with M elements each: tokens (B, 1 + M, d) and t (B, d)."""
        phrases = list(dict.fromkeys(told_phrase(e) for parts in elements for e in parts))
        places = [[phrases.index(told_phrase(e)) for e in parts] for parts in elements]
        with self.cache.use("tokenizer", "vlad.encoder", "vlad.ccm") as (tokenizer, encoder, ccm):
            device = _device(encoder)
            ids, mask = tokens_of(tokenizer, [prompt or "a picture" for prompt in prompts])
            t_g = encoder.prompts(ids.to(device), mask.to(device))
            t_i = embed_phrases(encoder, tokenizer, phrases)[torch.tensor(places, device=device)]
            kinds = torch.tensor([[KINDS.index(e.kind) for e in parts] for parts in elements], device=device)
            keep = torch.full_like(kinds, use_ccm, dtype=torch.bool)
            tokens, t = ccm(t_g, t_i, kinds, keep)
        return tokens, t

    # -- the canvas ----------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def draft(self, layout: Layout, *, use_ccm: bool = True, size: int | None = None) -> Image.Image:
        """The layout canvas z_t as a picture, before it is encoded.

        Args:
            size: side in pixels, one of the preset's sizes; None for its default.
            use_ccm: False sketches every element from the whole prompt, since there is no t_i.
        """
        return self.canvas(layout, self._side(size), use_ccm)

    @torch.inference_mode()
    def canvas(self, layout: Layout, side: int, use_ccm: bool = True) -> Image.Image:
        """As `draft`, of any side in pixels: training has sizes of its own."""
        objects, view = self._sketches(layout, "" if use_ccm else layout.prompt or "a picture")
        return draw_canvas(layout, objects, view, side, self.fonts)

    def _side(self, size: int | None) -> int:
        """A checked size; None gives the preset's default."""
        return int(self.how.checked("size", size))

    def _sketches(self, layout: Layout, whole: str) -> tuple[dict[int, Image.Image], Image.Image | None]:
        with self.cache.use("tokenizer", "vlad.encoder", "vlad.sketch", "vlad.autoencoder") as parts:
            tokenizer, encoder, head, autoencoder = parts
            if self._sketcher is None or self._sketcher[0] != id(head):
                self._sketcher = (id(head), Sketcher(head, autoencoder, SKETCHES_KEPT))
            sketcher = self._sketcher[1]
            names = sorted({phrase for phrase, _, _ in sketcher.missing([layout], whole)})
            t_i = embed_phrases(encoder, tokenizer, names)
            sketcher.prepare([layout], dict(zip(names, t_i, strict=True)), whole)
            return sketcher.pictures(layout, whole)

    # -- second stage: image -------------------------------------------------------------------------------------------

    def stream(
        self,
        layout: Layout,
        *,
        seed: int = 0,
        images: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        start: float | None = None,
        size: int | None = None,
        use_ccm: bool = True,
        hierarchical_guidance: bool = True,
        previews: bool = True,
    ) -> Iterator[Progress]:
        """Draw a layout, step by step; closing the generator stops the computation.

        Args:
            layout: as planned or edited. seed: image k has seed + k. images: 1-4. steps: denoising steps. guidance:
            classifier-free guidance, 1 = none. start: t0, how far the canvas is noised, 1 = pure noise. size: side of
            the pictures in pixels, one of the preset's sizes, None for its default. use_ccm: False gives t_g alone.
            hierarchical_guidance: False gives z_t = 0 and starts from pure noise. previews: decode every step.

        Yields:
            Progress; the last one has stage "done" and the finished images.

        Raises:
            BadSetting, BadLayout, CheckpointMissing.
        """
        s = self._settings(seed, images, steps, guidance, start, size, use_ccm, hierarchical_guidance)
        for progress, _ in self._draw(layout, s, previews):
            yield progress

    def generate(
        self,
        layout: Layout,
        *,
        seed: int = 0,
        images: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        start: float | None = None,
        size: int | None = None,
        use_ccm: bool = True,
        hierarchical_guidance: bool = True,
        on_step: Callable[[Progress], None] | None = None,
    ) -> Generation:
        """As `stream`, returning the finished images; `on_step` is called with every Progress (and may raise to
        stop).
        """
        s = self._settings(seed, images, steps, guidance, start, size, use_ccm, hierarchical_guidance)
        done = Progress("canvas", 0, 1)
        timings: dict[str, float] = {}
        for done, timings in self._draw(layout, s, on_step is not None):  # noqa: B007 - the last ones count
            if on_step is not None:
                on_step(done)
        settings: dict[str, Any] = {**dataclasses.asdict(s), "preset": self.preset.name}
        return Generation(done.images, layout, s.seed, settings, timings)

    def _settings(
        self, seed: Any, images: Any, steps: Any, guidance: Any, start: Any, size: Any, ccm: bool, guided_: bool
    ) -> Settings:
        checked = self.how.checked
        count = int(checked("images", images))
        seed = int(checked("seed", seed))
        checked("seed", seed + count - 1)
        level = checked("start", start) if guided_ else 1.0
        number = int(checked("steps", steps))
        side = self._side(size)
        return Settings(seed, count, number, checked("guidance", guidance), level, side, ccm, guided_)

    @property
    def width(self) -> int:
        """Width of CCM's tokens."""
        with self.cache.use("vlad.ccm") as (ccm,):
            return ccm.config.width

    @torch.inference_mode()
    def local(self, layout: Layout) -> Tensor:
        """CCM's embeddings of a layout's elements: (M, d)."""
        if not layout.elements:
            return torch.zeros(0, self.width)
        return self._compose(layout.prompt, layout.elements, True)[0][0, 1:]

    @torch.inference_mode()
    def _condition(self, prompt: str, layout: Layout, s: Settings) -> Condition:
        """What a prompt says of a layout, for the denoiser: CCM's tokens or, where that is grown out of a pretrained
        one, those of the encoders it was trained with.
        """
        tokens, t = self._compose(prompt, layout.elements, s.use_ccm)
        if "vlad.prompts" not in self.cache:
            return Condition(tokens, t).expand(s.images)
        with self.cache.use("vlad.prompts") as (encoder,):
            words, pooled = encoder([prompt])
        return Condition(words, pooled, tokens[:, 1:].to(words)).expand(s.images)

    @torch.inference_mode()
    def _prepare(self, layout: Layout, s: Settings, draft: Image.Image | None) -> tuple[Tensor, Tensor]:
        """Canvas latent (n, C, h, w) and cover for n images; no draft means no hierarchical guidance."""
        with self.cache.use(self._latents) as (autoencoder,):
            device, side = _device(autoencoder), s.size // 8
            if draft is not None:
                canvas = autoencoder.encode(to_batch([draft]).to(device))
                area = torch.from_numpy(cover(layout.elements, side))[None].to(device)
            else:
                canvas = torch.zeros(1, autoencoder.channels, side, side, device=device)
                area = torch.zeros(1, len(layout.elements), side, side, device=device)
        return tuple(x.expand(s.images, *x.shape[1:]) for x in (canvas, area))  # type: ignore[return-value]

    def _free(self, layout: Layout, s: Settings, told: Condition) -> Condition:
        """The other side of guidance: the negative prompt, or what the denoiser was trained on for no prompt."""
        if s.guidance == 1:
            return told
        if layout.negative_prompt or "vlad.prompts" in self.cache:
            return self._condition(layout.negative_prompt, layout, s)
        return told.zeros()

    def _predictor(
        self, vfe: Any, layout: Layout, s: Settings, canvas: Tensor, area: Tensor, told: Condition, free: Condition
    ) -> CleanPrediction:
        """x_0 of x_t: with guidance and, where the preset says so, with the letters held as they are planned."""
        predict = guided(
            lambda x, sigma: vfe(x, sigma, canvas, told.tokens, told.t, area, told.elements),
            lambda x, sigma: vfe(x, sigma, canvas, free.tokens, free.t, area, free.elements),
            s.guidance,
        )
        texts = [i for i, e in enumerate(layout.elements) if e.kind == "text"]
        if self.preset.vlad_trained or self.how.anchored == 1 or not texts or not s.hierarchical_guidance:
            return predict
        return anchored(predict, canvas, area[:, texts].amax(1, keepdim=True), self.how.anchored)

    def _draw(self, layout: Layout, s: Settings, previews: bool) -> Iterator[tuple[Progress, dict[str, float]]]:
        if not isinstance(layout, Layout):
            raise BadLayout("There is no layout to draw; plan one first.")
        began = time.perf_counter()
        timings: dict[str, float] = {}
        yield Progress("canvas", 0, 1), timings
        draft = self.draft(layout, use_ccm=s.use_ccm, size=s.size) if s.hierarchical_guidance else None
        canvas, area = self._prepare(layout, s, draft)
        told = self._condition(layout.prompt, layout, s)
        free = self._free(layout, s, told)
        timings["canvas"] = _ms(began)
        yield Progress("canvas", 1, 1, images=(draft,) if draft is not None and previews else ()), timings
        with self.cache.use("vlad.vfe", self._latents) as (vfe, autoencoder):
            noise = get_noise([s.seed + k for k in range(s.images)], tuple(canvas.shape[1:])).to(canvas.device)
            predict = self._predictor(vfe, layout, s, canvas, area, told, free)
            began, latent = time.perf_counter(), canvas
            steps = denoise(predict, canvas, noise, s.steps, s.start, self.how.shift)
            while True:
                with torch.inference_mode():  # not around a yield: the mode belongs to the thread
                    report = next(steps, None)
                    if report is None:
                        break
                    step, clean, latent = report
                    shown = _decode(autoencoder, clean[:1]) if previews and step < s.steps else ()
                eta = (time.perf_counter() - began) / step * (s.steps - step)
                yield Progress("denoise", step, s.steps, eta, shown), timings
            timings["denoise"] = _ms(began)
            began = time.perf_counter()
            with torch.inference_mode():
                finished = _decode(autoencoder, latent)
            timings["decode"] = _ms(began)
        yield Progress("done", s.steps, s.steps, 0.0, finished), timings

    # -- the aligned space, and reading back ---------------------------------------------------------------------------

    @torch.inference_mode()
    def similarity(self, prompts: Sequence[str], images: Sequence[Image.Image], letters: bool = True) -> np.ndarray:
        """Cosine similarity of composed prompts and images in the space of eq. (3): (P, N) float32.

        Args:
            letters: count letters on both sides where the vision encoder reads (`pipelines.models.encoder.spelled`).
        """
        elements = [[w.element for w in make_plan(self.understand(text)).wishes] for text in prompts]
        looked = [self._looked([image], letters) for image in images]
        spells = any(read is not None for _, read in looked)
        rows = [self._asked([text], [parts], spells) for text, parts in zip(prompts, elements, strict=True)]
        return np.concatenate(rows) @ np.concatenate([_unit(spelled(v, read)) for v, read in looked]).T

    def read_back(self, layout: Layout, images: Sequence[Image.Image]) -> tuple[ReadBack, ...]:
        """What pictures say and show, compared with the layout that they were drawn from; one result for each
        of pictures of one size.

        Text recognition reads the words; the aligned encoders judge the whole picture, its objects and the colour of
        its background, as far as `pipelines.vlad.alignment` says they can.

        Raises:
            CheckpointMissing: text recognition is not installed, or a part is absent.
        """
        with self.cache.use("ocr") as (reader,):
            words = [reader.read(image) for image in images]
        v, read = self._looked(images, letters=True)
        asked = self._asked([layout.prompt], [layout.elements], read is not None)
        whole = (_unit(spelled(v, read)) @ asked.T)[:, 0]
        objects = match_objects(layout, images, self.draft, self._seen)
        grounds = match_background(layout, _unit(v), self._composed)
        return tuple(
            readback.read_back(w, layout, (*g, *o), float(a))
            for w, o, g, a in zip(words, objects, grounds, whole, strict=True)
        )

    @torch.inference_mode()
    def _looked(self, images: Sequence[Image.Image], letters: bool) -> tuple[Tensor, Tensor | None]:
        """v (N, d) of pictures of one size and, where wanted and the vision encoder reads, their letters (N, n)."""
        with self.cache.use("vlad.vision") as (vision,):
            x = to_batch(images).to(_device(vision))
            return vision(x), vision.letter_counts(x) if letters else None

    def _seen(self, images: Sequence[Image.Image]) -> np.ndarray:
        """v of pictures of one size, of length 1: (N, d) float32."""
        return _unit(self._looked(images, letters=False)[0])

    def _composed(self, layouts: Sequence[Layout]) -> np.ndarray:
        """Prompts of layouts with equally many elements in the aligned space, of length 1: (P, d) float32."""
        return self._asked([x.prompt for x in layouts], [x.elements for x in layouts])

    @torch.inference_mode()
    def _asked(self, prompts: Sequence[str], elements: Sequence[Sequence[Element]], spells: bool = False) -> np.ndarray:
        """B prompts with M elements each in the aligned space, with the letters of their texts where that is wanted, of
        length 1: (B, d) float32.
        """
        t = self._aligned(prompts, elements)
        if not spells:
            return _unit(t)
        letters = [letter_counts([e.text for e in parts if e.kind == "text"]) for parts in elements]
        return _unit(spelled(t, torch.stack(letters).to(t.device)))

    def _aligned(self, prompts: Sequence[str], elements: Sequence[Sequence[Element]]) -> Tensor:
        """What eq. (3) compares with pictures, of B prompts with M elements each: (B, d)."""
        tokens, _ = self._compose_all(prompts, elements, True)
        with self.cache.use("vlad.ccm") as (ccm,):
            return ccm.aligned(tokens, torch.ones_like(tokens[..., 0], dtype=torch.bool))


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _unit(x: Tensor) -> np.ndarray:
    """Rows of length 1 as float32."""
    return nn.functional.normalize(x.float(), dim=-1).cpu().numpy()


def _decode(autoencoder: Any, latent: Tensor) -> tuple[Image.Image, ...]:
    return tuple(to_images(autoencoder.decode(latent).float().cpu()))


def _ms(began: float) -> float:
    return round(1000 * (time.perf_counter() - began), 1)
