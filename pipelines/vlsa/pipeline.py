"""VLSA: image of any size -> visual embeddings -> answers, reconstruction, codes and colours."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pipelines.cache import ModelCache
from pipelines.config import get_preset
from pipelines.errors import BadImage, BadPrompt, BadSetting
from pipelines.images import from_uint8, to_image, to_images
from pipelines.models.epigone import cell_cover
from pipelines.models.perceiver import encode_views
from pipelines.runtime import make_generator
from pipelines.sampling import denoise, get_noise, guided
from pipelines.vlsa.cognition import (
    ANSWER,
    COLOURS,
    QUARTER,
    SIDE,
    cell_colours,
    codes_question,
    colours_of,
    colours_question,
)
from pipelines.vlsa.decoding import Decoder, Sampling
from pipelines.vlsa.loaders import COMPONENTS
from pipelines.vlsa.quality import perceptual, psnr, ssim
from pipelines.vlsa.settings import MAX_QUESTION, checked
from pipelines.vlsa.spelling import Speller
from pipelines.vlsa.tiling import view as make_view
from pipelines.vlsa.together import Together
from pipelines.vlsa.types import (
    CELLS,
    CODE_GRID,
    CODES,
    Finish,
    Message,
    Pixels,
    Predicted,
    Rebuilt,
    Reply,
    Tokens,
    View,
)

KEPT = 16  # encoded images remembered
TURNS = 0  # earlier questions that the model is shown: so small a model repeats its earlier answers rather than look
ROUND = 8  # cells whose codes are predicted together


@dataclass(frozen=True)
class Encoded:
    """V (1, 64, width), P (1, width) and the perceiver's weights (65, m * 64) of one image."""

    v: Tensor
    p: Tensor
    weights: Tensor


class VlsaPipeline:
    """The whole of VLSA over a model cache. Thread-safe: only encoded images are remembered, by their content. Answers
    whose generators are advanced by several threads are decoded together.

    Args:
        cache: holds the models that `pipelines.vlsa.loaders.register` knows. preset: "mini" or "full".
    """

    turns = TURNS
    components = COMPONENTS
    model = "vlsa.vlm"  # which answers
    latents = "vlad.autoencoder"  # in whose latent space it rebuilds
    shift = 1.0  # of the noise levels, see `pipelines.sampling.schedule`
    codes = CODES

    def __init__(self, cache: ModelCache, preset: str = "mini") -> None:
        self.cache, self.preset = cache, get_preset(preset)
        self._encoded: OrderedDict[tuple[str, bool], Encoded] = OrderedDict()
        self._speller: tuple[int, Speller] | None = None
        self._together = Together()

    def preload(self, run: bool = True) -> None:
        """Load everything and run once, so that the first visitor does not wait.

        Args:
            run: False only loads, where what is lent for each call is not there yet (ZeroGPU).

        Raises:
            CheckpointMissing: a part is absent or damaged.
        """
        self.cache.preload(*self.components)
        if not run:
            return
        seen = self.view(Image.new("RGB", (256, 256), "#336699"))
        for _ in self.chat([Message("user", "What is it?", seen)], max_tokens=2):
            pass

    def view(self, image: Image.Image | str | Path | bytes | View) -> View:
        """The image as the model sees it.

        Raises:
            BadImage: it cannot be read or is too large.
        """
        return make_view(image, self.preset.tile)

    # -- perception ----------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def encode(self, view: View, perceiver: bool = True) -> Encoded:
        """V and P, eqs. (1) and (2), remembered by the image's content.

        Args:
            perceiver: False leaves the tiles out: what the snapshot alone keeps.
        """

        def look() -> Encoded:
            with self.cache.use("vlsa.vision", "vlsa.perceiver") as (vision, merge):
                device, dtype = _device(merge), next(merge.parameters()).dtype
                snapshot = from_uint8(view.snapshot()[None]).to(device)
                tiles = from_uint8(view.tiles() if perceiver else view.tiles()[:0]).to(device)[None]
                centres = torch.from_numpy(view.centres(merge.config.cells))[None].to(device)
                v_lo, v_hi = encode_views(vision, snapshot, tiles, view.grid, merge.config.beside > 0)
                v, p, weights = merge(v_lo.to(dtype), v_hi.to(dtype), centres[:, : tiles.shape[1]])
                return Encoded(v, p, weights[0])

        return remembered(self._encoded, (view.key, perceiver), look)

    # -- chat ----------------------------------------------------------------------------------------------------------

    def speller(self, tokenizer: Any) -> Speller:
        known = self._speller
        if known is None or known[0] != id(tokenizer):
            known = self._speller = (id(tokenizer), Speller(tokenizer))
        return known[1]

    def chat(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        repetition_penalty: float | None = None,
        seed: int | None = None,
    ) -> Iterator[Reply]:
        """Answer the last message about the latest image, eq. (6); closing the generator stops the computation.

        The model is given the latest image, and the last `turns` questions asked since it came with their answers.

        Args:
            messages: the conversation, oldest first; the last one is the user's. max_tokens: 1 to 256. temperature:
            0 = greedy. top_p: share of the probability that is sampled from. repetition_penalty: 1 = none.

        Yields:
            Reply after each token; the last one is done, with finish "stop" or "length".

        Raises:
            BadPrompt: no question, an empty one, or one of more than 2,000 characters. BadImage: no image. BadSetting.
        """
        sampling = Sampling(
            checked("temperature", temperature),
            checked("top_p", top_p),
            checked("repetition_penalty", repetition_penalty),
            make_generator(int(checked("seed", seed))),
        )
        most = int(checked("max_tokens", max_tokens))
        began = time.perf_counter()
        view, turns = self._since_image(messages)
        yield from self._answer(view, turns, most, sampling, began)

    def _since_image(self, messages: Sequence[Message]) -> tuple[View, list[Message]]:
        if not messages or messages[-1].role != "user" or not messages[-1].text.strip():
            raise BadPrompt("There is no question; type one about the image.")
        if len(messages[-1].text) > MAX_QUESTION:
            raise BadPrompt(
                f"The question has {len(messages[-1].text):,} characters; shorten it to {MAX_QUESTION:,} at most."
            )
        latest = max((i for i, m in enumerate(messages) if m.image is not None), default=None)
        if latest is None:
            raise BadImage("There is no image to ask about; add one first.")
        image = messages[latest].image
        assert image is not None
        turns = [m for m in messages[latest:] if m.text.strip()]
        first = max(0, len(turns) - 1 - 2 * self.turns)
        while turns[first].role != "user":
            first += 1
        return self.view(image), turns[first:]

    def _answer(
        self, view: View, turns: Sequence[Message], most: int, sampling: Sampling, began: float
    ) -> Iterator[Reply]:
        with self._together.turn():
            encoded = self.encode(view)
        with self.cache.use("language_tokenizer", self.model) as (tokenizer, vlm):
            speller = self.speller(tokenizer)
            ids = torch.tensor([speller.dialogue(turns)], device=encoded.v.device)
            end = speller.end[0]
            text: list[int] = []
            first = 0.0
            with closing(self._together.answer(vlm, lambda: vlm.prompt(encoded.v, ids), sampling, end, most)) as tokens:
                for token in tokens:
                    first = first or 1000 * (time.perf_counter() - began)
                    if token != end:
                        text.append(token)
                    finish: Finish = "stop" if token == end else "length" if len(text) >= most else ""
                    since = time.perf_counter() - began - first / 1000
                    rate = (len(text) - 1) / since if len(text) > 1 and since > 0 else 0.0
                    shown = speller.decode(text)
                    yield Reply(shown.strip(), len(text), round(first, 1), round(rate, 2), bool(finish), finish)

    # -- reconstruction ------------------------------------------------------------------------------------------------

    def reconstruct(
        self,
        view: View,
        *,
        steps: int | None = None,
        seed: int | None = None,
        guidance: float | None = None,
        perceiver: bool = True,
    ) -> Iterator[Rebuilt]:
        """Rebuild the picture from V and P alone: first the one-pass preview, then by diffusion from pure noise.

        Eq. (3)'s denoiser under c = Epigone(V, P), eq. (4), on the preview's latent as its canvas. Closing the
        generator stops the computation.

        Args:
            steps: denoising steps. guidance: classifier-free guidance on c, 1 = none. perceiver: False rebuilds from
            the snapshot alone.

        Yields:
            Rebuilt with stage "preview", then "denoise" for each step but the last, then "done".

        Raises:
            BadSetting, CheckpointMissing.
        """
        number, level = int(checked("steps", steps)), checked("guidance", guidance)
        noise_seed = int(checked("seed", seed))
        began = time.perf_counter()
        encoded = self.encode(view, perceiver)
        with self.cache.use(self.latents, "vlsa.preview", "vlsa.epigone", "vlsa.denoiser") as parts:
            autoencoder, preview, epigone, denoiser = parts
            with torch.inference_mode():
                canvas = preview(encoded.v)
                draft = _decode(autoencoder, canvas)
                condition = self._condition(epigone, denoiser, encoded, canvas)
            truth = view.picture(draft.width)
            yield _measured("preview", 0, number, draft, draft, truth, began)
            predict = guided(condition, self._unconditional(denoiser, canvas, encoded.v.shape[1]), level)
            noise = get_noise([noise_seed], tuple(canvas.shape[1:])).to(canvas)
            runs = denoise(predict, canvas, noise, number, 1.0, self.shift)
            while True:
                with torch.inference_mode():
                    report = next(runs, None)
                    if report is None:
                        break
                    step, clean, latent = report
                    image = _decode(autoencoder, latent if step == number else clean)
                if step == number:
                    yield _measured("done", step, number, image, draft, truth, began)
                else:
                    seconds = time.perf_counter() - began
                    yield Rebuilt("denoise", step, number, image, draft, None, None, None, seconds)

    def _condition(self, epigone: Any, denoiser: Any, encoded: Encoded, canvas: Tensor) -> Any:
        tokens, pooled = epigone(encoded.v, encoded.p)
        return _denoiser(denoiser, canvas, tokens, pooled)

    def _unconditional(self, denoiser: Any, canvas: Tensor, count: int) -> Any:
        width = denoiser.config.context
        pooled = canvas.new_zeros(1, denoiser.config.pooled or width)
        return _denoiser(denoiser, canvas, canvas.new_zeros(1, 1 + count, width), pooled)

    # -- tokens --------------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def tokens(self, view: View) -> Tokens:
        """The picture's codebook indices, what they keep of it, and where each visual token looked."""
        picture = view.picture()
        with self.cache.use("vlsa.vq") as (vq,):
            pixels = from_uint8(np.asarray(picture)[None]).to(_device(vq))
            index = vq.indices(pixels)
            decoded = to_images(vq.decode(index).float().cpu())[0]
        true = index[0].cpu().numpy()
        counts = np.bincount(true.reshape(-1), minlength=self.codes)
        share = counts[counts > 0] / counts.sum()
        return Tokens(
            true=true,
            errors=_cell_errors(picture, decoded),
            decoded=decoded,
            counts=counts,
            usage=float((counts > 0).mean()),
            perplexity=float(np.exp(-(share * np.log(share)).sum())),
            attention=self._attention(view),
        )

    def _attention(self, view: View) -> np.ndarray:
        weights = self.encode(view).weights[:-1].abs().float().cpu()  # (l, m * l), without the global query's row
        weights = in_cells(weights, view.count)
        rows = weights / weights.flatten(1).sum(-1)[:, None, None].clamp_min(1e-9)
        return rows.numpy()

    def predict(self, view: View) -> Iterator[Predicted]:
        """The language model's guess of every index, ROUND visual cells at a time; closing the generator stops it.

        Yields:
            Predicted after each round; accuracy is top-1 over the cells predicted so far.
        """
        grid = np.full((CODE_GRID, CODE_GRID), -1, np.int64)
        true = self.tokens(view).true
        for start in range(0, CELLS * CELLS, ROUND):
            cells = range(start, start + ROUND)
            for cell, codes in zip(cells, self._codes(view, cells)[0], strict=True):
                row, column = SIDE * (cell // CELLS), SIDE * (cell % CELLS)
                grid[row : row + SIDE, column : column + SIDE] = codes.reshape(SIDE, SIDE)
            known, done = grid >= 0, start + ROUND >= CELLS * CELLS
            accuracy = float((grid == true)[known].mean())
            yield Predicted(grid.copy(), done, accuracy, self.decode(grid) if done else None, self.codes)

    def predict_scores(self, view: View) -> np.ndarray:
        """The five likeliest indices of each cell, likeliest first: (32, 32, 5)."""
        out = np.zeros((CODE_GRID, CODE_GRID, 5), np.int64)
        for start in range(0, CELLS * CELLS, ROUND):
            cells = range(start, start + ROUND)
            for cell, best in zip(cells, self._codes(view, cells)[1], strict=True):
                row, column = SIDE * (cell // CELLS), SIDE * (cell % CELLS)
                out[row : row + SIDE, column : column + SIDE] = best.reshape(SIDE, SIDE, 5)
        return out

    def _codes(self, view: View, cells: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Greedy answers about cells: (n, 16) indices and (n, 16, 5) likeliest ones."""
        questions = [codes_question(c // CELLS, c % CELLS) for c in cells]
        return self._ask_new(view, questions, 0, self.codes)

    @torch.inference_mode()
    def _ask_new(self, view: View, questions: Sequence[str], low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
        """ANSWER new tokens for each question, all questions together; new tokens `low` to `high` are allowed."""
        encoded = self.encode(view)
        with self.cache.use("language_tokenizer", "vlsa.vlm") as (tokenizer, vlm):
            image, rows = self._opened(tokenizer, vlm, encoded.v, questions)
            assert len({len(r) for r in rows}) == 1  # the same words but for digits
            decoder = Decoder(vlm, image)
            decoder.branch(len(rows))  # the image is read once for all of them
            decoder.append(torch.tensor(rows, device=encoded.v.device))
            answers, likeliest = [], []
            for _ in range(ANSWER):
                scores = decoder.logits[:, vlm.vocabulary + low : vlm.vocabulary + high]
                likeliest.append(scores.topk(5, -1).indices)
                answers.append(likeliest[-1][:, 0])
                decoder.append(vlm.vocabulary + low + answers[-1][:, None])
        return torch.stack(answers, 1).cpu().numpy(), torch.stack(likeliest, 1).cpu().numpy()

    def _opened(self, tokenizer: Any, vlm: Any, v: Tensor, questions: Sequence[str]) -> tuple[Tensor, list[list[int]]]:
        """What all questions share up to the image's end, as embeddings, and the token ids of each behind it."""
        speller = self.speller(tokenizer)
        return vlm.image(v)[0], [speller.turn(q) for q in questions]

    def pixels(self, view: View, vertex: tuple[int, int] = (0, 0)) -> Pixels:
        """Colours of the quarter of the image with this top-left vertex, true and as the language model predicts them.

        Args:
            vertex: (row, column) of a visual cell, 0 to 4.

        Raises:
            BadSetting: a vertex from which a quarter does not fit.
        """
        row, column = vertex
        if not all(isinstance(k, (int, np.integer)) and 0 <= k <= QUARTER for k in vertex):
            raise BadSetting(f"The vertex is row {row}, column {column}; choose both from 0 to {QUARTER}.")
        answer, _ = self._ask_new(view, [colours_question(row, column)], self.codes, self.codes + COLOURS)
        predicted = colours_of(answer[0]).reshape(QUARTER, QUARTER, 3)
        true = cell_colours(np.asarray(view.picture()))[row : row + QUARTER, column : column + QUARTER]
        error = float(np.abs(predicted.astype(float) - true).mean())
        return Pixels((int(row), int(column)), true, predicted, error)

    @torch.inference_mode()
    def decode(self, index: np.ndarray) -> Image.Image:
        """The picture of a grid (32, 32) of indices; cells below 0 take index 0."""
        with self.cache.use("vlsa.vq") as (vq,):
            grid = torch.from_numpy(np.clip(index, 0, self.codes - 1).astype(np.int64))[None].to(_device(vq))
            return to_image(vq.decode(grid)[0].float().cpu())


def remembered(known: OrderedDict[Any, Encoded], key: Any, look: Callable[[], Encoded]) -> Encoded:
    """What is known of an image, or what a look at it gives; the last KEPT are remembered."""
    found = known.get(key)
    if found is None:
        found = known[key] = look()
        while len(known) > KEPT:
            with suppress(KeyError):  # another thread may have made room
                known.popitem(last=False)
    return found


def _denoiser(denoiser: Any, canvas: Tensor, tokens: Tensor, pooled: Tensor) -> Any:
    """x_0 of x_t under c. Where elements are the tokens behind the first one, each stands in its cell; where they are
    something else, there are none.
    """
    elements, cover = None, cell_cover(CELLS, canvas.shape[-1] // CELLS)[None].to(canvas)
    if denoiser.config.element is not None:
        elements, cover = canvas.new_zeros(len(canvas), 0, denoiser.config.element), cover[:, :0]
    return lambda x, sigma: denoiser(x, sigma, canvas, tokens, pooled, cover, elements)


def in_cells(weights: Tensor, tiles: int) -> Tensor:
    """Weights of l visual tokens on those of m tiles (l, m l) -> of CELLS^2 cells on theirs (CELLS^2, m, CELLS^2): what
    lies in a cell is added up. A grid that CELLS does not divide is resampled.
    """
    side = math.isqrt(len(weights))
    grid = weights.view(side, side, tiles, side, side)
    if side == CELLS:
        return grid.flatten(3).flatten(0, 1)
    if side % CELLS:
        near = torch.arange(CELLS) * side // CELLS
        grid = grid[near][:, near][..., near, :][..., near]
        return grid.flatten(3).flatten(0, 1)
    n = side // CELLS
    grid = grid.unflatten(4, (CELLS, n)).unflatten(3, (CELLS, n)).unflatten(1, (CELLS, n)).unflatten(0, (CELLS, n))
    return grid.sum((1, 3, 6, 8)).flatten(3).flatten(0, 1)


def _cell_errors(a: Image.Image, b: Image.Image) -> np.ndarray:
    """Mean absolute difference of each code's patch, 0 to 255: (32, 32) float32."""
    difference = np.abs(np.asarray(a, np.float32) - np.asarray(b, np.float32)).mean(-1)
    side = difference.shape[0] // CODE_GRID
    return difference.reshape(CODE_GRID, side, CODE_GRID, side).mean((1, 3))


def _measured(
    stage: Any, step: int, steps: int, image: Image.Image, draft: Image.Image, truth: Image.Image, began: float
) -> Rebuilt:
    a, b = np.asarray(image), np.asarray(truth)
    seconds = time.perf_counter() - began
    return Rebuilt(stage, step, steps, image, draft, psnr(a, b), ssim(a, b), perceptual(a, b), seconds)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _decode(autoencoder: Any, latent: Tensor) -> Image.Image:
    return to_image(autoencoder.decode(latent)[0].float().cpu())
