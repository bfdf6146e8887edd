"""The language model with visual embeddings before the instruction, and its words for codes and colours.

VLSA eqs. (6) to (8).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from peft import PeftModel
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.models.perceiver import fourier
from pipelines.models.reader import chances
from pipelines.models.reading import TOGETHER, reading_order, spaces

SORTS = ("objects", "colours", "numbers")  # of names
SHARPNESS = 4.0  # the logit of a name is so many times the projection on it
BOXES = 2, 8  # rows and columns of a cell; no two letters of legible text have their centres in one
BANDS = 6  # of the Fourier features of a word's place
WORDS_AT_A_TIME = 32  # words behind V in training: few shapes of batches to compile for
SURE = 0.6  # probability in some cell from which an object is named
SEEN = 0.08  # probability from which a cell belongs to it
LEAST = 0.8  # cells, weighed by that probability, that it has
NAMED = 6  # objects of an image that are named
DROPPED = 0.5  # share of V that wholes are told without in training
TELLING = "teller.", "inks.", "tints.", "middles.", "whole."  # parameters that tell colours, middles and wholes
LETTER, SPACE, END, NAME = range(4)  # kinds of words behind V: END of a line, part of a NAME
THIRDS = 0.36, 0.64  # of the image, between top, middle and bottom and between left, middle and right
PLACES = 9  # top left, top, top right, left, centre, right, bottom left, bottom, bottom right
COLOUR_LEVELS = 8  # a channel; a colour token is one of 8^3 colours


def colour_features() -> Tensor:
    """(512, 24): for each colour token, one-hot levels of red, green and blue; token = 64 r + 8 g + b."""
    eye = torch.eye(COLOUR_LEVELS)
    k = torch.arange(COLOUR_LEVELS**3)
    return torch.cat([eye[k // 64], eye[k // 8 % 8], eye[k % 8]], -1)


class Word(NamedTuple):
    """One word behind V: its kind, where it stands (y, x in [0, 1]), the boxes of a letter, the token of a name."""

    kind: int
    place: tuple[float, float]
    boxes: Sequence[int] = ()
    token: int = 0


class Told(NamedTuple):
    """Logits of what V tells besides letters and names of objects.

    Attributes:
        inks: (B, l, BOXES rows, colours) colour of the letters in a cell's upper and lower half. tints: (B, l, 1 +
        colours) colour of the object in a cell, the first of several colours. middles: (B, l, 2) where the middle of
        that object lies, seen from the cell's, (y, x) in shares of the image. wholes: (B, 1 + n) for each sort of what
        is told of a whole image, the first that there is none of them.
    """

    inks: Tensor
    tints: Tensor
    middles: Tensor
    wholes: Sequence[Tensor]


def place_of(y: float, x: float) -> int:
    """Which of PLACES (y, x) in [0, 1] lies in, row by row."""
    return 3 * sum(y > edge for edge in THIRDS) + sum(x > edge for edge in THIRDS)


def by_place(boxes: Tensor) -> Tensor:
    """What stands in the boxes of each cell (B, l, BOXES rows * columns, ...) by their rows and columns in the image:
    (B, rows, columns, ...).
    """
    cells = math.isqrt(boxes.shape[1])
    grid = boxes.unflatten(2, BOXES).unflatten(1, (cells, cells))  # (B, cells, cells, rows, columns, ...)
    return grid.transpose(2, 3).flatten(3, 4).flatten(1, 2)


class VisualWords(ModelMixin, ConfigMixin):
    """How an image, a codebook index and a colour enter the language model, and how the last two leave it.

    V is normalised and mapped to the scale of word embeddings. The new tokens are not free vectors: a code's
    embedding is a linear map of its codebook vector and a colour's one of its levels, so that similar codes and
    colours begin as neighbours, and the 1,536 words cost a few thousand numbers.

    Where there are names, each visual word is also put into words: the map of V is compared with the language model's
    own embeddings of the names of objects, colours and numbers, and their expected embedding is added, so that what is
    seen lies where the language model has its word for it. It is the visual embedding table of Ovis (Lu et al., 2024)
    with names in place of free vectors.

    Letters are too many for that: a cell holds several. So V is also spelled: a linear map reads which letter stands in
    each of the BOXES of a cell, and each letter that is found becomes a word of its own behind V, the expected
    embedding of its character with its place, line by line, with words for the spaces between them and for the ends of
    lines. The objects whose names are likely enough become words in the same way, "two ice cream cone" as its tokens in
    the language model's own embeddings: the expected embedding of a name has lost in which order its tokens come.

    And what V tells is said where it belongs: of a whole image what it is, its style and its ground; behind the name of
    an object its colour and its place; before a line its place, and behind it the colour of its letters. Whoever asks
    for the colour of a word finds it next to that word and has not to look it up in a cell. All of it comes out of V;
    an image without text and objects adds nothing but what is told of it as a whole.

    Args:
        width: of V. hidden: of the language model. codes, channels: size of the codebook. scale: of a word
        embedding's entries. gain: of V's map, by which it comes to that scale. names: how many there are of SORTS; None
        = none of any. boost: of the expected embedding. letters: classes of letters, the first of which is "no
        letter"; 0 = V is not spelled. spelling: width between the two layers that spell V; 0 = one layer. spaced: True
        = there are words for spaces and ends of lines. named: tokens of the longest name; 0 = objects are not named.
        told: width between the layers that tell colours and wholes; 0 = neither they nor places are told. wholes: how
        many there are of each sort of what is told of a whole image. direct: V lies among word embeddings already, as
        behind a projector that was trained before, and is not mapped.

    Raises:
        ValueError: spaced without letters, named without letters or names, or told without being named.
    """

    @register_to_config
    def __init__(
        self, width: int = 576, hidden: int = 576, codes: int = 1024, channels: int = 16, scale: float = 0.1,
        gain: float = 0.15, names: tuple[int, int, int] | None = None, boost: float = 2.0, letters: int = 0,
        spelling: int = 0, spaced: bool = False, named: int = 0, told: int = 0, wholes: tuple[int, ...] = (),
        direct: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if ((spaced or named) and not letters) or (named and not names):
            raise ValueError("spaces and names of objects stand among letters: give letters, and names to name by")
        if told and not named:
            raise ValueError("colours and places are told of what is named: give the longest name's tokens")
        if letters:
            boxes = BOXES[0] * BOXES[1] * letters
            two = nn.Sequential(nn.Linear(width, spelling), nn.GELU(), nn.Linear(spelling, boxes)) if spelling else None
            self.spell = two or nn.Linear(width, boxes)
            self.place = nn.Linear(4 * BANDS, hidden)
            nn.init.normal_(self.place.weight, std=scale / (4 * BANDS) ** 0.5)
            self.register_buffer("alphabet", torch.zeros(letters, hidden))  # embeddings of characters; 0 of no letter
            if spaced:
                self.register_buffer("gaps", torch.zeros(2, hidden))  # embeddings of a space and of the end of a line
                self.register_buffer("widths", torch.full((letters,), 0.55))  # of letters, em
        if named and names:  # tokens of the names of objects and of numbers, filled up with -1
            self.register_buffer("calls", torch.full((names[0] + names[2], named), -1, dtype=torch.int32))
        if told and names:
            colours = names[1]
            self.teller = nn.Sequential(nn.Linear(width, told), nn.GELU())
            self.inks, self.tints = nn.Linear(told, BOXES[0] * colours), nn.Linear(told, 1 + colours)
            self.middles = nn.Linear(told, 2)
            self.whole = nn.Linear(2 * told, sum(wholes) + len(wholes))
            terms = colours + PLACES + sum(wholes)  # tokens of colours, places and what is told of wholes
            self.register_buffer("terms", torch.full((terms, named), -1, dtype=torch.int32))
        self.register_buffer("table", torch.zeros(sum(names or ()), hidden))  # embeddings of names, without their mean
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        if not direct:
            self.visual = nn.Linear(width, hidden)
            nn.init.normal_(self.visual.weight, std=scale / gain / width**0.5)
        self.code_in, self.code_out = nn.Linear(channels, hidden), nn.Linear(channels, hidden)
        self.colour_in, self.colour_out = nn.Linear(3 * COLOUR_LEVELS, hidden), nn.Linear(3 * COLOUR_LEVELS, hidden)
        for layer in (self.code_in, self.colour_in, self.code_out, self.colour_out):
            nn.init.normal_(layer.weight, std=scale / layer.in_features**0.5)
        self.code_bias = nn.Parameter(torch.zeros(codes))
        self.register_buffer("codebook", torch.zeros(codes, channels))  # of the frozen VQ-VAE
        self.register_buffer("colours", colour_features(), persistent=False)

    @property
    def count(self) -> int:
        """Number of new tokens: codes first, then colours."""
        return len(self.codebook) + len(self.colours)

    def read(self, v: Tensor) -> Tensor:
        """V (B, l, width) -> its map (B, l, hidden) before `gain`."""
        return self.visual(self.norm(v))

    def see(self, v: Tensor) -> Tensor:
        """V (B, l, width) -> embeddings (B, l, hidden)."""
        if self.config.direct:
            return v
        read = self.read(v)
        seen = self.config.gain * read
        return seen + self.config.boost * self.expected(read) if self.config.names else seen

    def logits(self, read: Tensor) -> tuple[Tensor, ...]:
        """How well the names of each of SORTS fit a map of V (..., hidden) -> (..., n) float32."""
        logits = SHARPNESS * (read @ F.normalize(self.table, dim=-1).mT).float()
        return logits.split(list(self.config.names), -1)

    def likely(self, read: Tensor) -> list[Tensor]:
        """Probabilities of the names of each of SORTS (..., n); those of objects leave the rest to "none of them"."""
        things, colours, numbers = self.logits(read)
        shown = F.pad(things, (1, 0)).softmax(-1)[..., 1:]
        return [shown, colours.softmax(-1), numbers.softmax(-1) * shown.sum(-1, keepdim=True)]

    def expected(self, read: Tensor) -> Tensor:
        """`read` (..., hidden) -> expected embedding of what it is called (..., hidden)."""
        return torch.cat(self.likely(read), -1).to(self.table.dtype) @ self.table

    def spelled(self, v: Tensor) -> Tensor:
        """V (B, l, width) -> logits of the letter in each box of each cell (B, l, BOXES rows * columns, letters)."""
        return self.spell(self.norm(v)).unflatten(-1, (-1, self.config.letters))

    def told(self, v: Tensor) -> Told:
        """What V (B, l, width) tells. Needs `told`.

        In training wholes are told from a part of V: there are as many of them as pictures, which are learned by heart
        otherwise, and then the language model trusts them more than it should.
        """
        hidden = self.teller(self.norm(v))
        part = self.teller(F.dropout(self.norm(v), DROPPED)) if self.training else hidden
        whole = self.whole(torch.cat([part.mean(1), part.amax(1)], -1))
        inks = self.inks(hidden).unflatten(-1, (BOXES[0], -1))
        return Told(
            inks, self.tints(hidden), self.middles(hidden), whole.split([1 + n for n in self.config.wholes], -1)
        )

    def found(self, v: Tensor, table: Tensor | None = None, multiple: int = 1) -> tuple[Tensor, Tensor]:
        """What V (B, l, width) shows, as words: what it is as a whole, names of objects, largest first, then letters in
        reading order, with their places and colours.

        Args:
            table: (vocabulary, hidden) embeddings of the language model; needed where objects are named. multiple: n
            is the least multiple of it that is as much as any image has.

        Returns:
            embeddings (B, n, hidden) in the type of the parameters, and which of them are there (B, n) bool.

        Raises:
            ValueError: objects are named, and there is no table.
        """
        if self.config.named and table is None:
            raise ValueError("names of objects are tokens: give the language model's embeddings")
        share = by_place(chances(self.spelled(v)))  # (B, rows, columns, letters)
        letters = share.detach().float().cpu().numpy()
        with torch.no_grad():
            told = self.told(v) if self.config.told else None
        inks = self.inked(told) if told else [None] * len(v)
        named = self.objects(v, told) if self.config.named else [[]] * len(v)
        wholes = self.as_a_whole(told) if told else [[]] * len(v)
        texts = [w + n + self.text(*seen) for w, n, *seen in zip(wholes, named, letters, inks, strict=True)]
        n, empty = multiple * math.ceil(max(map(len, texts)) / multiple), share.shape[1] * share.shape[2]
        boxes = np.full((len(v), n, TOGETHER), empty)
        kinds, tokens, there = np.zeros((3, len(v), n), int)
        places = np.zeros((len(v), n, 2), np.float32)
        for k, text in enumerate(texts):
            for i, word in enumerate(text):
                kinds[k, i], tokens[k, i], there[k, i], places[k, i] = word.kind, word.token, True, word.place
                boxes[k, i, : len(word.boxes)] = word.boxes
        kind = torch.from_numpy(kinds).to(v.device)
        flat = F.pad(share.flatten(1, 2)[..., 1:], (1, 0, 0, 1))  # no letter counts nothing, nor does the empty box
        picked = torch.from_numpy(boxes).to(v.device).flatten(1)[..., None].expand(-1, -1, flat.shape[-1])
        told = flat.gather(1, picked).unflatten(1, (n, TOGETHER)).sum(2)  # (B, n, letters)
        told = told / told.sum(-1, keepdim=True).clamp_min(1e-6)  # which letter, given that there is one
        place = fourier(torch.from_numpy(places).to(v.device), 1, BANDS).to(self.place.weight)
        words = told.to(self.alphabet) @ self.alphabet + self.place(place)
        if self.config.spaced:
            words = words + F.pad(self.gaps, (0, 0, 1, 1))[kind]
        if table is not None:
            ids = torch.from_numpy(tokens).to(v.device)
            words = words + (table[ids] * (kind == NAME)[..., None]).to(words)
        return words, torch.from_numpy(there > 0).to(v.device)

    def text(self, share: np.ndarray, inks: np.ndarray | None = None) -> list[Word]:
        """The letters of an image with spaces and ends of lines, each of which stands where the letter behind it does,
        and before each line the tokens of its place and behind it those of its colour.

        Args:
            share: (rows, columns, letters) probabilities. inks: (rows, cells across, colours) probabilities, where they
            are told.
        """
        (rows, columns), there = share.shape[:2], 1 - share[..., 0]
        flat = share.reshape(-1, share.shape[-1])
        widths = self.widths.float().cpu().numpy() if self.config.spaced else None
        out: list[Word] = []
        for line in reading_order(there):
            before = np.zeros(len(line), bool)
            places = [((b[0] // columns + 0.5) / rows, (b[0] % columns + 0.5) / columns) for b in line]
            middle = float(np.mean([y for y, _ in places])), (places[0][1] + places[-1][1]) / 2
            if widths is not None:
                if out:
                    out.append(Word(END, places[0]))
                centres = [np.average(np.array(b) % columns, weights=there.reshape(-1)[b]) for b in line]
                likeliest = [flat[b, 1:].sum(0).argmax() + 1 for b in line]
                before = spaces(np.array(centres), widths[likeliest])
            if inks is not None:
                out += self.terms_of(len(self.colour_terms) + place_of(*middle), middle)
            for boxes, place, space in zip(line, places, before, strict=True):
                out += [Word(SPACE, place)] * int(space) + [Word(LETTER, place, boxes)]
            if inks is not None:
                across = columns // inks.shape[1]  # boxes of a cell
                told = [inks[b // columns, b % columns // across] * there.reshape(-1)[b] for bs in line for b in bs]
                out += self.terms_of(int(np.sum(told, 0).argmax()), middle)
        return out

    @torch.no_grad()
    def objects(self, v: Tensor, told: Told | None = None) -> list[list[Word]]:
        """For each image of V (B, l, width) how many of which objects it shows: tokens of the number and of the name of
        each that is likelier than SURE in some cell and has LEAST of them, the largest first, at most NAMED; where
        `told` is given, its colour, if it has one, and its place.

        All words of an object stand in the middle of its cells or, where that is told, in its own, in [0, 1]. Needs
        `named`.
        """
        shown, _, numbers = (x.detach().float().cpu().numpy() for x in self.likely(self.read(v)))
        calls, side, out = self.calls.tolist(), math.isqrt(v.shape[1]), []
        tints = told.tints.float().softmax(-1).cpu().numpy() if told else [None] * len(v)
        middles = told.middles.float().cpu().numpy() if told else np.zeros((*v.shape[:2], 2))
        for things, counts, tint, middle in zip(shown, numbers, tints, middles, strict=True):
            best = things.argmax(-1)
            cells = {k: np.flatnonzero((best == k) & (things[:, k] > SEEN)) for k in set(best[things.max(-1) > SURE])}
            sure = {k: things[c, k] for k, c in cells.items() if things[c, k].sum() >= LEAST}
            words: list[Word] = []
            for k in sorted(sure, key=lambda k: -float(sure[k].sum()))[:NAMED]:
                own = (np.stack(np.divmod(cells[k], side), -1) + 0.5) / side + middle[cells[k]]
                y, x = (float(c) for c in np.average(own, axis=0, weights=sure[k]))
                number = calls[shown.shape[-1] + counts[cells[k]].sum(0).argmax()]
                words += [Word(NAME, (y, x), token=t) for t in [*number, *calls[k]] if t >= 0]
                if tint is not None:
                    colour = int((sure[k] @ tint[cells[k]]).argmax())
                    words += self.terms_of(colour - 1, (y, x)) if colour else []
                    words += self.terms_of(len(self.colour_terms) + place_of(y, x), (y, x))
            out.append(words)
        return out

    def inked(self, told: Told) -> np.ndarray:
        """(B, rows, cells across, colours): how likely letters there have which colour."""
        inks = told.inks.float().softmax(-1)  # (B, l, BOXES rows, colours)
        cells = math.isqrt(inks.shape[1])
        return inks.unflatten(1, (cells, cells)).transpose(2, 3).flatten(1, 2).cpu().numpy()

    def as_a_whole(self, told: Told) -> list[list[Word]]:
        """For each image the tokens of the likeliest of each sort that is told of a whole image,
        unless it is none; they stand in the middle.
        """
        likeliest = [logits.argmax(-1).tolist() for logits in told.wholes]
        first = len(self.colour_terms) + PLACES + np.cumsum([0, *self.config.wholes])
        return [
            [w for k, start in zip(image, first, strict=False) if k for w in self.terms_of(start + k - 1, (0.5, 0.5))]
            for image in zip(*likeliest, strict=True)
        ]

    @property
    def colour_terms(self) -> range:
        """Rows of `terms` that name colours; those of PLACES follow, then those of wholes."""
        return range(self.config.names[1])

    def terms_of(self, row: int, place: tuple[float, float]) -> list[Word]:
        """The tokens of a row of `terms`, at a place."""
        return [Word(NAME, place, token=t) for t in self.terms[row].tolist() if t >= 0]

    def inputs(self) -> Tensor:
        """Input embeddings of the new tokens (count, hidden)."""
        return torch.cat([self.code_in(self.codebook), self.colour_in(self.colours)])

    def outputs(self, hidden: Tensor) -> Tensor:
        """Logits of the new tokens: (..., hidden) -> (..., count)."""
        codes = hidden @ self.code_out(self.codebook).mT + self.code_bias
        return torch.cat([codes, hidden @ self.colour_out(self.colours).mT], -1)


class VisionLanguageModel(nn.Module):
    """R = g_LLM(concat[V, I_emb]), eq. (6), on any `LlamaForCausalLM`, with or without peft's LoRA around it.

    Token ids from `vocabulary` upwards are the new ones of `VisualWords`.
    """

    decoder: Any
    head: Any
    vocabulary: int

    def __init__(self, language: nn.Module, words: VisualWords) -> None:
        super().__init__()
        self.language, self.words = language, words
        causal: Any = language.get_base_model() if isinstance(language, PeftModel) else language
        self.decoder, self.head = causal.model, causal.lm_head
        self.vocabulary = causal.config.vocab_size

    def embed(self, ids: Tensor) -> Tensor:
        """(B, T) long -> (B, T, hidden)."""
        new = ids >= self.vocabulary
        plain = self.decoder.embed_tokens(ids.masked_fill(new, 0))
        if not new.any():
            return plain
        own = self.words.inputs().to(plain.dtype)
        return torch.where(new[..., None], own[(ids - self.vocabulary).clamp_min(0)], plain)

    def logits(self, hidden: Tensor, among: Tensor | None = None) -> Tensor:
        """(..., hidden) -> (..., vocabulary + count) float32.

        Args:
            among: ids (n,) of the only words that are scored; the result is then (..., n + count). Training the small
            decoder needs no more, and the whole vocabulary costs as much as its layers.
        """
        weight = self.head.weight if among is None else self.head.weight[among]
        words = F.linear(hidden.to(weight.dtype), weight).float()
        return torch.cat([words, self.words.outputs(hidden.float()).float()], -1)

    def image(self, v: Tensor, multiple: int = 1) -> tuple[Tensor, Tensor]:
        """What comes before the instruction: V (B, l, width) -> embeddings (B, n, hidden), which are there (B, n).

        Args:
            multiple: see `VisualWords.found`.
        """
        seen = self.words.see(v)
        keep = torch.ones(seen.shape[:2], dtype=torch.bool, device=v.device)
        if not self.words.config.letters:
            return seen, keep
        found, there = self.words.found(v, self.decoder.embed_tokens.weight, multiple)
        return torch.cat([seen, found.to(seen.dtype)], 1), torch.cat([keep, there], 1)

    def prompt(self, v: Tensor, ids: Tensor) -> Tensor:
        """concat[V, I_emb] of one image: V (1, l, width), ids (1, T) -> (1, n + T, hidden)."""
        text = self.embed(ids)
        return torch.cat([self.image(v)[0].to(text.dtype), text], 1)

    def forward(
        self,
        v: Tensor,
        ids: Tensor,
        mask: Tensor,
        answers: Tensor,
        among: Tensor | None = None,
        turns: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Predict every answer token from V, the instruction and the answer so far.

        Args:
            v: (B, l, width). ids: (B, T). mask: (B, T) bool, False where padded. answers: (B, T) bool, True where
            `ids` belongs to a response. among: see `logits`; sorted. turns: (B, T) number of the exchange each token
            belongs to; each exchange is then read as if it were the first, right behind V: a true answer that stands
            earlier in a training conversation would otherwise be copied instead of seen.

        Returns:
            logits (K, vocabulary + count) at the K positions before an answer token, and its ids (K,): places in
            `among`, then the new tokens, where that is given.
        """
        text = self.embed(ids)
        image, there = self.image(v, WORDS_AT_A_TIME)
        n = image.shape[1]
        keep = torch.cat([there, mask], 1)
        seen = apart(keep, turns, image.shape[1], text.dtype) if turns is not None else behind(keep)
        x = torch.cat([image.to(text.dtype), text], 1)
        hidden = self.decoder(inputs_embeds=x, use_cache=False, **seen).last_hidden_state
        before = hidden[:, n - 1 : -1]  # the state that predicts ids[:, t]
        told = ids[answers]
        if among is not None:
            place = torch.searchsorted(among, told).clamp_max(len(among) - 1)
            told = torch.where(told >= self.vocabulary, told - self.vocabulary + len(among), place)
        return self.logits(before[answers], among), told


def behind(keep: Tensor) -> dict[str, Tensor]:
    """Attention mask and positions of a batch of which only `keep` (B, n + T) bool is there."""
    return {"attention_mask": keep.long(), "position_ids": (keep.cumsum(1) - 1).clamp_min(0)}


def apart(keep: Tensor, turns: Tensor, n: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Attention mask and positions by which exchanges see the image and themselves, and not each other.

    Args:
        keep: (B, n + T) bool. turns: (B, T) long from 0. n: columns of the image.

    Returns:
        attention_mask (B, 1, n + T, n + T), 0 or the least number of `dtype`; position_ids (B, n + T).
    """
    b, whole = keep.shape
    turn = torch.cat([turns.new_full((b, n), -1), turns], 1)
    places = torch.arange(whole, device=keep.device)
    same = (turn[:, :, None] == turn[:, None]) | (places < n)
    causal = same & (places[:, None] >= places) & keep[:, None]
    allowed = causal | torch.eye(whole, dtype=torch.bool, device=keep.device)
    first = torch.where(turn[:, :, None] == turn[:, None], places, whole).amin(-1)  # where each exchange begins
    mask = torch.zeros(b, 1, whole, whole, dtype=dtype, device=keep.device)
    mask.masked_fill_(~allowed[:, None], torch.finfo(dtype).min)
    own = behind(keep)["position_ids"]
    positions = torch.where(turn < 0, own, places - first + keep[:, :n].sum(1, keepdim=True))
    return {"attention_mask": mask, "position_ids": positions}


def response_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """L, eq. (8): mean negative log-likelihood of response tokens; logits (K, n), ids (K,)."""
    return F.cross_entropy(logits.float(), ids)
