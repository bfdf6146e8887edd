"""The modules of VLSA on tiny configurations: shapes, and the properties that the equations promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from pipelines.models.encoder import VisionEncoder
from pipelines.models.epigone import Epigone, PreviewDecoder, cell_cover, reconstruction_loss
from pipelines.models.perceiver import SAPerceiver, assembled, by_tile, encode_views, fourier
from pipelines.models.reader import EMPTY, LETTERS, chances
from pipelines.models.reading import reading_order, spaces
from pipelines.models.vfe import VisualFeatureEnhancer
from pipelines.models.vlm import (
    BANDS,
    BOXES,
    END,
    LETTER,
    NAME,
    PLACES,
    VisionLanguageModel,
    VisualWords,
    Word,
    place_of,
    response_loss,
)
from pipelines.models.vq import VQVAE
from pipelines.vlad.fonts import default_fonts
from pipelines.vlad.loaders import adapter_weights
from pipelines.vlsa.decoding import Decoder, Sampling, choose
from pipelines.vlsa.loaders import load_folded, load_part, with_denoiser_lora, with_lora
from training.checkpoints import save_part, save_tensors
from training.vlsa_batches import cut, frame_centres
from training.vlsa_data import letter_widths


@pytest.fixture
def perceiver() -> SAPerceiver:
    torch.manual_seed(0)
    return SAPerceiver(vision=16, width=32, heads=4, bands=3).eval()


def tokens(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (2, 3), (4, 4)])
def test_length_stays_the_same_whatever_the_size(perceiver: SAPerceiver, grid: tuple[int, int]) -> None:
    m = grid[0] * grid[1]
    v, p, weights = perceiver(tokens(2, 64, 16), tokens(2, m, 64, 16), frame_centres(*grid)[None])
    assert v.shape == (2, 64, 32) and p.shape == (2, 32) and weights.shape == (2, 65, 64 * m)


def test_scale_does_not_grow_with_the_number_of_tiles(perceiver: SAPerceiver) -> None:
    lo = tokens(1, 64, 16)
    one, many = (
        perceiver(lo, tokens(1, 1, 64, 16).expand(1, r * c, 64, 16), frame_centres(r, c)[None])[2].clamp_min(0).sum()
        for r, c in ((2, 2), (4, 4))
    )
    assert 0.5 < float(many / one) < 2


def test_each_token_looks_at_its_own_place(perceiver: SAPerceiver) -> None:
    """Before any training the heaviest tile tokens of a cell are those that lie in it."""
    centres = frame_centres(2, 2)
    _, _, weights = perceiver(0 * tokens(1, 64, 16), 0 * tokens(1, 4, 64, 16), centres[None])
    heaviest = centres.flatten(0, 1)[weights[0, :64].argmax(-1)]
    assert torch.equal(heaviest.floor(), perceiver.centres.floor())


def test_without_tiles_only_the_snapshot_counts(perceiver: SAPerceiver) -> None:
    v, _, weights = perceiver(tokens(1, 64, 16), tokens(1, 0, 64, 16), torch.zeros(1, 0, 64, 2))
    assert v.shape == (1, 64, 32) and weights.shape == (1, 65, 0)


def test_views_are_encoded_by_one_tower() -> None:
    tower = VisionEncoder(width=32, layers=1, heads=2, out=8, stem=8, activation="gelu").eval()
    x = tokens(3, 3, 128, 128)
    lo, hi = encode_views(tower, x[:1], x[None, 1:], (1, 2))
    assert lo.shape == (1, 64, 32) and hi.shape == (1, 2, 64, 32)
    again, _ = encode_views(tower, x[1:2], x[None, 1:], (1, 2))
    assert torch.allclose(again[0], hi[0, 0], atol=1e-5)


def test_the_first_level_and_letters_follow_the_last_level() -> None:
    tower = VisionEncoder(
        width=32, layers=1, heads=2, out=8, stem=8, activation="gelu", reader=16, alphabet=5
    ).eval()  # fmt: skip
    x = tokens(3, 3, 128, 128)
    last = encode_views(tower, x[:1], x[None, 1:], (1, 2))
    all_of_it = encode_views(tower, x[:1], x[None, 1:], (1, 2), beside=True)
    for one, more in zip(last, all_of_it, strict=True):
        assert more.shape[-1] == 32 + tower.beside == 32 + 32 + 64 + 4 * 4 and torch.equal(more[..., :32], one)
    assert torch.allclose(all_of_it[0][0, :, 64:], tower.letters(x[:1])[0].flatten(0, 1), atol=1e-5)
    share = all_of_it[1][..., -16:].unflatten(-1, (4, 4))  # of the letters in each strip, without "no letter"
    assert share.min() >= 0 and share.sum(-1).max() <= 1
    changed = x[:1].clone()
    changed[0, :, :16, :16] += 1  # the first patch: nothing else that enters the first layer is changed
    moved = tower.tokens(changed, first=True)[0] - all_of_it[0][0, :, :64]
    assert moved[0, 32:].abs().max() > 1e-3 and moved[1:, 32:].abs().max() < 1e-6


def test_tiles_are_cut_and_assembled_row_by_row() -> None:
    x = tokens(2, 3, 256, 384)
    assert torch.equal(assembled(cut(x), (2, 3)), x)
    grid = torch.arange(2 * 16 * 24).view(2, 16, 24)
    tiles = by_tile(grid, (2, 3))
    assert tiles.shape == (2, 6, 64) and tiles[0, 1, 0] == grid[0, 0, 8] and tiles[0, 3, 9] == grid[0, 9, 1]


def test_letters_on_the_edge_of_a_tile_are_seen_whole() -> None:
    """The reader sees tiles in one piece: what is changed in one tile reaches the tokens beside it in the next."""
    tower = VisionEncoder(width=32, layers=1, heads=2, out=8, stem=8, activation="gelu", reader=16).eval()
    tiles = tokens(1, 4, 3, 128, 128)
    changed = tiles.clone()
    changed[:, 0, :, 64, 120:] += 1
    one, two = (encode_views(tower, x[:, 0], x, (2, 2), beside=True)[1] for x in (tiles, changed))
    moved = (one - two)[0, 1].abs().view(8, 8, -1)
    assert moved[3:5, 0, 64:].max() > 1e-4  # letters of the tile to the right
    assert moved[..., :64].max() < 1e-6  # which the tower sees for itself


def test_what_is_beside_begins_as_if_it_were_not_there(perceiver: SAPerceiver) -> None:
    wide = SAPerceiver(vision=16, width=32, heads=4, bands=3, beside=20).eval()
    missing, unexpected = wide.load_state_dict(perceiver.state_dict(), strict=False)
    assert missing == ["beside_connector.weight"] and not unexpected
    lo, hi, centres = tokens(2, 64, 36), tokens(2, 4, 64, 36), frame_centres(2, 2)[None]
    v = wide(lo, hi, centres)[0]
    assert torch.allclose(v, perceiver(lo[..., :16], hi[..., :16], centres)[0], atol=1e-6)
    torch.nn.init.normal_(wide.beside_connector.weight)
    assert not torch.allclose(wide(lo, hi, centres)[0], v, atol=1e-3)


def test_epigone_is_low_rank_and_conditions_the_denoiser() -> None:
    epigone, preview = Epigone(width=32, rank=4, context=32), PreviewDecoder(width=32, channels=4, hidden=8, blocks=1)
    denoiser = VisualFeatureEnhancer(latent=4, spread=2, context=32, layers=1, heads=2, head_dim=16)
    torch.nn.init.normal_(denoiser.denoiser.proj_out.weight, std=0.1)
    v, p = tokens(2, 64, 32), tokens(2, 32)
    c, pooled = epigone(v, p)
    assert c.shape == (2, 65, 32) and torch.equal(c[:, 0], pooled)
    assert torch.linalg.matrix_rank(c[0] - epigone.high.bias, rtol=1e-4) <= 4
    canvas = preview(v)
    assert canvas.shape == (2, 4, 32, 32)
    cover = cell_cover(8, 4)[None].expand(2, -1, -1, -1)
    out = denoiser(tokens(2, 4, 32, 32), torch.ones(2), canvas, c, pooled, cover)
    reconstruction_loss(canvas.detach(), out).backward()
    assert epigone.low.weight.grad is not None and epigone.low.weight.grad.abs().sum() > 0


def test_cover_partitions_the_latent() -> None:
    cover = cell_cover(8, 4)
    assert cover.shape == (64, 32, 32) and torch.equal(cover.sum(0), torch.ones(32, 32))
    assert cover[9, 4:8, 4:8].all() and cover[9].sum() == 16


def test_decoding_indices_equals_the_quantised_output() -> None:
    torch.manual_seed(0)
    vq = VQVAE(codes=32, channels=4, fine=8, coarse=8).eval()
    x = tokens(2, 3, 64, 48).clamp(-1, 1)
    quantised, index, _ = vq.quantise(x)
    assert index.shape == (2, 8, 6) and 0 <= int(index.min()) and int(index.max()) < 32
    assert torch.allclose(vq.decode(index), vq.decode_latent(quantised), atol=1e-5)
    nearest = torch.cdist(vq.autoencoder.encode(x).flatten(2).mT, vq.codebook[None]).argmin(-1)  # eq. (5)
    assert torch.equal(nearest.view_as(index), index)


@pytest.fixture
def vlm() -> VisionLanguageModel:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    return VisionLanguageModel(LlamaForCausalLM(config), VisualWords(width=16, hidden=32, codes=20, channels=4)).eval()


def test_answers_are_predicted_from_what_comes_before(vlm: VisionLanguageModel) -> None:
    ids = torch.tensor([[3, 4, 5, 6, 7, 0]])
    mask = torch.tensor([[True] * 5 + [False]])
    answers = torch.tensor([[False, False, False, True, True, False]])
    v = tokens(1, 8, 16)
    logits, told = vlm(v, ids, mask, answers)
    assert logits.shape == (2, 50 + vlm.words.count) and told.tolist() == [6, 7]
    other, _ = vlm(v, torch.where(answers, 9, ids), mask, answers)
    assert torch.allclose(logits[0], other[0], atol=1e-5) and not torch.allclose(logits[1], other[1], atol=1e-3)
    assert float(response_loss(logits, told)) > 0


def test_image_comes_before_the_instruction(vlm: VisionLanguageModel) -> None:
    x = vlm.prompt(tokens(1, 8, 16), torch.tensor([[3, 50, 71]]))
    assert x.shape == (1, 11, 32)
    assert torch.equal(x[:, :8], vlm.words.see(tokens(1, 8, 16)))
    assert torch.equal(x[0, 9], vlm.words.inputs()[0]) and torch.equal(x[0, 10], vlm.words.inputs()[21])


def test_small_vocabulary_scores_the_same_words(vlm: VisionLanguageModel) -> None:
    ids = torch.tensor([[3, 4, 7, 52]])
    everything = torch.ones(1, 4, dtype=torch.bool)
    answers = torch.tensor([[False, False, True, True]])
    among = torch.tensor([2, 7, 9])
    whole, told = vlm(tokens(1, 8, 16), ids, everything, answers)
    few, places = vlm(tokens(1, 8, 16), ids, everything, answers, among)
    assert told.tolist() == [7, 52] and places.tolist() == [1, 5]
    assert torch.allclose(few[:, :3], whole[:, among], atol=1e-5)
    assert torch.allclose(few[:, 3:], whole[:, 50:], atol=1e-5)


def test_exchanges_kept_apart_do_not_see_each_other(vlm: VisionLanguageModel) -> None:
    vlm.language.set_attn_implementation("eager")
    ids, everything = torch.tensor([[3, 4, 5, 6, 7, 8]]), torch.ones(1, 6, dtype=torch.bool)
    answers = torch.tensor([[False, True, False, False, True, True]])
    turns = torch.tensor([[0, 0, 0, 1, 1, 1]])
    together, _ = vlm(tokens(1, 8, 16), ids, everything, answers)
    apart, _ = vlm(tokens(1, 8, 16), ids, everything, answers, turns=turns)
    alone, _ = vlm(tokens(1, 8, 16), ids[:, 3:], everything[:, 3:], answers[:, 3:])
    assert torch.allclose(apart[1:], alone, atol=1e-5) and not torch.allclose(together[1:], alone, atol=1e-3)
    assert torch.allclose(apart[0], together[0], atol=1e-5)


def test_cached_decoding_equals_one_pass(vlm: VisionLanguageModel) -> None:
    v, ids = tokens(1, 8, 16), torch.tensor([[3, 4, 5, 6]])
    everything = torch.ones(1, 4, dtype=torch.bool)
    whole, _ = vlm(v, ids, everything, torch.tensor([[False, True, True, True]]))
    decoder = Decoder(vlm, vlm.prompt(v, ids[:, :1]))
    for t in range(3):
        assert torch.allclose(decoder.logits[0], whole[t], atol=1e-4)
        decoder.append(ids[:, t + 1 : t + 2])


def test_branches_share_what_came_before(vlm: VisionLanguageModel) -> None:
    v, rows = tokens(1, 8, 16), torch.tensor([[3, 4], [7, 9]])
    decoder = Decoder(vlm, vlm.words.see(v))
    decoder.branch(2)
    decoder.append(rows)
    alone = Decoder(vlm, vlm.prompt(v, rows[1:]))
    assert torch.allclose(decoder.logits[1], alone.logits[0], atol=1e-4)


def sampling(**changes: float) -> Sampling:
    values = {"temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0, **changes}
    return Sampling(generator=torch.Generator().manual_seed(0), **values)


def test_choosing_words() -> None:
    logits = torch.tensor([1.0, 3.0, 2.9, -5.0])
    assert choose(logits, [], sampling()) == 1
    assert choose(logits, [1], sampling(repetition_penalty=1.5)) == 2
    assert {choose(logits, [], sampling(temperature=1.0, top_p=0.3)) for _ in range(20)} == {1}
    s = sampling(temperature=1.0)
    drawn = [choose(logits, [], s) for _ in range(300)]
    assert {1, 2} <= set(drawn) and drawn.count(3) < 5


def test_adapters_fold_into_the_weights(tmp_path, vlm: VisionLanguageModel) -> None:
    torch.manual_seed(1)
    model = with_lora(vlm.language, 2)
    for n, p in model.named_parameters():
        if "lora_" in n:
            torch.nn.init.normal_(p, std=0.1)
    x = torch.tensor([[3, 4, 5]])
    expected = model(input_ids=x).logits
    save_tensors(adapter_weights(model), tmp_path, torch.float32)
    merged = load_folded(model, tmp_path / "model.safetensors").merge_and_unload()
    assert torch.allclose(merged(input_ids=x).logits, expected, atol=1e-4)


def test_denoiser_adapter_starts_as_nothing() -> None:
    torch.manual_seed(0)
    denoiser = VisualFeatureEnhancer(latent=4, spread=2, context=32, layers=1, heads=2, head_dim=16)
    torch.nn.init.normal_(denoiser.denoiser.proj_out.weight, std=0.1)
    inputs = (
        tokens(1, 4, 32, 32), torch.ones(1), tokens(1, 4, 32, 32), tokens(1, 65, 32), tokens(1, 32),
        cell_cover(8, 4)[None],
    )  # fmt: skip
    before = denoiser(*inputs)
    assert torch.allclose(with_denoiser_lora(denoiser)(*inputs), before, atol=1e-5)
    assert len(adapter_weights(denoiser)) > 10


@pytest.mark.parametrize("shown", [0, 2])
def test_visual_words_are_put_into_words(tmp_path: Path, shown: int) -> None:
    """What lies towards a name gets its embedding, with its colour and number; a cell that shows nothing gets none."""
    words = VisualWords(width=32, hidden=32, codes=20, channels=4, names=(3, 2, 2), boost=2.0)
    words.table.copy_(3 * torch.linalg.qr(torch.randn(32, 32))[0][:7])
    read = 5 * (words.table[shown] + words.table[3 + 1] + words.table[5 + 1])[None, None]
    assert [int(p.argmax()) for p in words.likely(read)] == [shown, 1, 1]
    told = words.table[shown] + words.table[4] + words.table[6]
    assert torch.allclose(words.expected(read)[0, 0], told, atol=1e-3)
    blank = words.expected(-5 * words.table[:3].sum(0) + 5 * words.table[4])
    assert torch.allclose(blank, words.table[4], atol=1e-3)
    v = tokens(1, 64, 32)
    plain = words.config.gain * words.read(v)
    assert torch.allclose(words.see(v), plain + 2.0 * words.expected(words.read(v)))
    save_part(words, tmp_path / "words")
    again = load_part("words", tmp_path)
    assert torch.allclose(again.table, words.table, atol=2e-3) and list(again.config.names) == [3, 2, 2]


def test_visual_words_without_names_are_a_linear_map() -> None:
    words = VisualWords(width=16, hidden=32, codes=20, channels=4)
    v = tokens(2, 64, 16)
    assert words.table.shape == (0, 32) and torch.equal(words.see(v), words.config.gain * words.read(v))


# -- letters as words


def boxes(*likely: tuple[int, int, float]) -> np.ndarray:
    """(16, 64) probabilities of a letter."""
    there = np.full((16, 64), 0.01)
    for row, column, p in likely:
        there[row, column] = p
    return there


@pytest.mark.parametrize(
    ("likely", "expected"),
    [
        ([], []),
        ([(3, 5, 0.9), (3, 2, 0.9), (7, 1, 0.9)], [[(3, 2), (3, 5)], [(7, 1)]]),  # line by line, from the left
        ([(3, 5, 0.1)], []),  # hardly there
        ([(3, 5, 0.35), (4, 5, 0.6)], [[(4, 5)]]),  # one letter on the edge of two rows
        ([(3, 5, 0.55), (3, 6, 0.45)], [[(3, 5)]]),  # ... of two columns
        ([(3, 5, 0.9), (3, 6, 0.9)], [[(3, 5), (3, 6)]]),  # two letters side by side
        ([(3, 2, 0.9), (4, 6, 0.9), (3, 10, 0.9)], [[(3, 2), (4, 6), (3, 10)]]),  # a line that changes its row
        (
            [(3, 2, 0.9), (3, 8, 0.9), (3, 9, 0.8), (3, 14, 0.9), (3, 20, 0.9)],
            [[(3, 2), (3, 8), (3, 14), (3, 20)]],
        ),  # one letter seen twice: the others stand far apart
        (
            [(3, 2, 0.9), (3, 5, 0.9), (4, 2, 0.9), (4, 5, 0.9)],
            [[(3, 2), (3, 5)], [(4, 2), (4, 5)]],
        ),  # two lines, close together
    ],
)
def test_letters_are_read_line_by_line(
    likely: list[tuple[int, int, float]], expected: list[list[tuple[int, int]]]
) -> None:
    found = reading_order(boxes(*likely))
    assert [[(b[0] // 64, b[0] % 64) for b in line] for line in found] == expected


def test_no_more_letters_than_fit_are_read() -> None:
    assert sum(map(len, reading_order(np.full((16, 64), 0.9)))) == 96


@pytest.mark.parametrize("text", ["Hi Holly!", "Will Iliad", "5 owls", "Password", "FOX & SONS", "Grand Opening Today"])
def test_a_space_is_where_letters_stand_further_apart_than_they_are_wide(text: str) -> None:
    """Widths are the mean of all fonts, so not every font is right; nor is every place, in boxes of 4 pixels."""
    fonts = default_fonts()
    right: dict[str, list[bool]] = {"exact": [], "40 px": []}
    widths = letter_widths(fonts)
    for font in (fonts.load(name, 100) for name in fonts.ids):
        ends = [font.getlength(text[: i + 1]) for i in range(len(text))]
        letters = [(c, end - font.getlength(c) / 2) for c, end in zip(text, ends, strict=True) if c != " "]
        known = widths[[LETTERS.index(c) + 1 for c, _ in letters]]
        exact = np.array([x for _, x in letters])
        for name, x in (("exact", exact), ("40 px", np.floor(exact * 0.4 / 4))):
            found = spaces(x, known)
            right[name].append("".join(" " * int(s) + c for s, (c, _) in zip(found, letters, strict=True)) == text)
    assert np.mean(right["exact"]) > 0.8 and np.mean(right["40 px"]) > 0.6
    assert not spaces(np.zeros(0), np.zeros(0)).size and not spaces(np.zeros(1), np.ones(1)).any()


def test_empty_boxes_weigh_like_others_again() -> None:
    """Training with a tenth of the weight makes letters ten times as likely as they are."""
    truth = torch.tensor([0.9, 0.06, 0.04])
    trained = (truth * torch.tensor([EMPTY, 1, 1])).log()
    assert torch.allclose(chances(trained), truth, atol=1e-6)


@pytest.fixture
def spelling() -> VisualWords:
    """Of V with 64 x 64 numbers, each of which says that the first letter stands in one box of a cell, or none."""
    words = VisualWords(width=64, hidden=32, codes=20, channels=4, letters=4, spaced=True).eval()
    torch.nn.init.zeros_(words.spell.weight)
    weight = words.spell.weight.unflatten(0, (BOXES[0] * BOXES[1], 4))
    with torch.no_grad():
        for box in range(16):
            weight[box, 0, :16] = -0.5
            weight[box, 2, box] = 4.0
        words.spell.bias.copy_(torch.tensor([8.0, 0, 0, 0]).repeat(16))
    torch.nn.init.normal_(words.alphabet)
    torch.nn.init.normal_(words.gaps)
    return words


def showing(*places: tuple[int, int]) -> Tensor:
    """V (1, 64, 64) with a letter at cells and boxes; the norm sees the rest as nothing."""
    v = torch.zeros(1, 64, 64)
    for cell, box in places:
        v[0, cell, box] = 1.0
    return v


def test_letters_of_an_image_become_words_behind_it(spelling: VisualWords, tmp_path: Path) -> None:
    v = torch.cat([showing((9, 3), (12, 0)), showing()])
    words, there = spelling.found(v)
    assert words.shape == (2, 2, 32) and there.tolist() == [[True, True], [False, False]]
    letter = spelling.alphabet[2]
    place = words[0] - letter  # the rest says where
    assert place.abs().max() > 1e-3 and not torch.allclose(place[0], place[1], atol=1e-3)
    more, kept = spelling.found(v, multiple=4)
    assert more.shape == (2, 4, 32) and torch.equal(more[:, :2], words) and not kept[:, 2:].any()
    none, nothing = spelling.found(showing())
    assert none.shape == (1, 0, 32) and nothing.shape == (1, 0)
    save_part(spelling, tmp_path / "words")
    again = load_part("words", tmp_path)
    assert torch.allclose(again.found(v)[0], words, atol=2e-2)


def test_spaces_and_ends_of_lines_are_words_among_the_letters(spelling: VisualWords) -> None:
    v = showing((9, 3), (9, 4), (9, 5), (10, 1), (25, 0))
    words, there = spelling.found(v)
    assert there.tolist() == [[True] * 7]
    names = torch.stack([spelling.alphabet[2], *spelling.gaps])
    spelling.place.requires_grad_(False).weight.zero_()
    spelling.place.bias.zero_()
    words, _ = spelling.found(v)
    assert torch.cdist(words[0], names).argmin(-1).tolist() == [0, 0, 0, 1, 0, 2, 0]
    assert torch.allclose(words[0, 3], spelling.gaps[0], atol=1e-5)


def test_objects_are_named_by_the_language_models_own_tokens(vlm: VisionLanguageModel) -> None:
    words = VisualWords(
        width=64, hidden=32, codes=20, channels=4, letters=4, names=(3, 2, 2), spaced=True, named=2
    ).eval()  # fmt: skip
    with torch.no_grad():
        words.table.copy_(torch.eye(7, 32))
        words.visual.weight.zero_()
        words.visual.bias.zero_()
        words.visual.bias[:3] = -2.0  # what shows nothing has no name
        words.visual.weight[:7, :7] = 2 * torch.eye(7)
        words.spell.weight.zero_()
        words.spell.bias.copy_(torch.tensor([8.0, 0, 0, 0]).repeat(16))  # no letters
        words.calls.copy_(torch.tensor([[11, 12], [13, -1], [14, -1], [21, -1], [22, -1]]))
    v = torch.zeros(1, 64, 64)
    for cell in (9, 10, 17, 18):  # two of the first thing
        v[0, cell, 0] = v[0, cell, 6] = 1.0
    v[0, 60, 1] = v[0, 60, 5] = 1.0  # and one of the second
    first, second = (dict.fromkeys(w.place for w in words.objects(v)[0][a:b]) for a, b in ((0, 3), (3, 5)))
    assert [w.token for w in words.objects(v)[0]] == [22, 11, 12, 21, 13]
    assert list(first) == [(0.25, 0.25)] and list(second) == [(7.5 / 8, 4.5 / 8)]
    vlm.words = words
    table = vlm.decoder.embed_tokens.weight
    found, there = words.found(v, table)
    assert there.all() and torch.allclose(found[0, 0] - table[22], found[0, 1] - table[11], atol=1e-5)
    image, keep = vlm.image(v)
    assert image.shape[1] == 64 + 5 == int(keep.sum())
    assert words.objects(torch.zeros(1, 64, 64)) == [[]]


@pytest.fixture
def telling() -> VisualWords:
    """Tells red of V's number 20 and blue of 21, and of a whole the second of two of one sort where 30 is anywhere."""
    small: dict[str, Any] = {"width": 64, "hidden": 32, "codes": 20, "channels": 4, "letters": 4}
    words = VisualWords(**small, names=(3, 2, 2), spaced=True, named=2, told=64, wholes=(2, 1)).eval()
    with torch.no_grad():
        words.table.copy_(torch.eye(7, 32))
        words.calls.copy_(torch.tensor([[11, 12], [13, -1], [14, -1], [21, -1], [22, -1]]))
        words.terms.copy_(torch.tensor([[k, k + 1 if k == 30 else -1] for k in range(30, 30 + 2 + 9 + 3)]))
        for p in words.parameters():
            p.zero_()
        words.visual.weight[:7, :7] = 2 * torch.eye(7)
        words.visual.bias[:3] = -2.0  # what shows nothing has no name
        words.teller[0].weight.copy_(torch.eye(64))
        for half in (0, 2):
            words.inks.weight[half, 20] = words.inks.weight[half + 1, 21] = 1.0
        words.tints.weight[1, 20] = words.tints.weight[2, 21] = 1.0
        words.tints.bias[0] = words.whole.bias[0] = words.whole.bias[3] = 2.0  # several colours; nothing of a whole
        words.whole.weight[2, 64 + 30] = 1.0
        words.spell.bias.copy_(torch.tensor([8.0, 0, 0, 0]).repeat(16))
    return words


def tokens_of(words: list[Word]) -> list[int]:
    return [w.token for w in words if w.kind == NAME]


def test_an_object_is_followed_by_its_colour_and_its_place(telling: VisualWords) -> None:
    v = torch.zeros(1, 64, 64)
    v[0, 9, [0, 6, 21]] = 1.0  # one thing, blue, at the top left
    v[0, 60, [1, 5]] = 1.0  # another of no one colour, at the bottom
    assert tokens_of(telling.objects(v, telling.told(v))[0]) == [22, 11, 12, 31, 32, 21, 13, 32 + 7]
    assert telling.terms_of(0, (0.5, 0.5)) == [Word(NAME, (0.5, 0.5), token=t) for t in (30, 31)]


def test_a_line_stands_between_its_place_and_its_colour(telling: VisualWords) -> None:
    """Each half of a cell may hold a line of a colour of its own."""
    there = np.zeros((16, 64, 4), np.float32)
    there[..., 0] = 1.0
    for row, columns in ((0, range(10, 50, 4)), (3, range(40, 60, 4))):
        there[row, columns] = (0, 1, 0, 0)
    inks = np.full((16, 8, 2), 0.5, np.float32)
    inks[0], inks[3] = (0.9, 0.1), (0.2, 0.8)
    words = telling.text(there, inks)
    assert tokens_of(words) == [32 + 1, 30, 31, 32 + 2, 31]  # top, two tokens of a colour; top right, the other colour
    kinds = [w.kind for w in words]
    assert kinds[0] == NAME and kinds[1:11] == [LETTER] * 10 and kinds[13] == END and kinds.count(LETTER) == 15
    assert tokens_of(telling.text(there)) == []


def test_what_a_whole_image_is_comes_first(telling: VisualWords, vlm: VisionLanguageModel) -> None:
    v = torch.zeros(2, 64, 64)
    v[0, 9, [0, 6]] = v[0, 50, 30] = 1.0
    first, second = telling.as_a_whole(telling.told(v))
    assert tokens_of(first) == [30 + 2 + 9 + 1] and second == []
    vlm.words = telling
    table = vlm.decoder.embed_tokens.weight
    found, there = telling.found(v, table)
    assert there.sum(1).tolist() == [5, 0]  # whole, one, its name's two tokens, its place
    middle = telling.place(fourier(torch.full((1, 1, 2), 0.5), 1, BANDS))[0, 0]
    assert torch.allclose(found[0, 0], table[42] + middle, atol=1e-5)


def test_places_are_thirds() -> None:
    assert [place_of(y, x) for y in (0.2, 0.5, 0.8) for x in (0.2, 0.5, 0.8)] == list(range(PLACES))


def test_what_is_told_has_to_be_named() -> None:
    with pytest.raises(ValueError, match="longest name"):
        VisualWords(width=16, hidden=32, codes=20, channels=4, letters=4, told=8)


def test_a_letter_weighs_the_same_however_sure_it_is(spelling: VisualWords) -> None:
    image, seen = showing((9, 3)), {}
    with torch.no_grad():
        for _ in range(100):
            sure = float(1 - chances(spelling.spelled(image))[..., 0].min())
            words, there = spelling.found(image)
            if there.all() and there.numel():
                seen[sure] = words
            spelling.spell.bias.view(16, 4)[:, 0] += 0.5  # "no letter" becomes likelier
    assert max(seen) > 0.9 and min(seen) < 0.4
    assert torch.allclose(seen[max(seen)], seen[min(seen)], atol=0.05)


def test_images_of_one_batch_may_have_different_letters(vlm: VisionLanguageModel, spelling: VisualWords) -> None:
    """Trained beside another image, or answered alone: an image leads to the same prediction."""
    vlm.words = spelling
    vlm.language.set_attn_implementation("eager")
    v = torch.cat([showing((9, 3)), showing((9, 3), (12, 0), (13, 5))])
    ids, everything = torch.tensor([[3, 4, 5, 6]] * 2), torch.ones(2, 4, dtype=torch.bool)
    answers = torch.tensor([[False, False, False, True]] * 2)
    turns = torch.tensor([[0, 0, 1, 1]] * 2)
    together, _ = vlm(v, ids, everything, answers)
    alone, _ = vlm(v[:1], ids[:1], everything[:1], answers[:1])
    assert torch.allclose(together[:1], alone, atol=1e-4) and not torch.allclose(together[1:], alone, atol=1e-3)
    decoder = Decoder(vlm, vlm.prompt(v[:1], ids[:1, :3]))
    assert torch.allclose(decoder.logits, alone, atol=1e-4)
    apart, _ = vlm(v, ids, everything, answers, turns=turns)
    second = Decoder(vlm, vlm.prompt(v[:1], ids[:1, 2:3]))
    assert torch.allclose(apart[:1], second.logits, atol=1e-4)
