"""Models and losses on tiny sizes: shapes, masks, and what each equation promises."""

from __future__ import annotations

import math

import pytest
import torch

from pipelines.models.autoencoder import Autoencoder
from pipelines.models.encoder import CCM, VisionEncoder, alignment_loss, objective, pooled, spelled
from pipelines.models.reader import CLASSES, LETTERS, letter_counts
from pipelines.models.sketch import SketchHead, sketch_loss, sketch_pictures
from pipelines.models.tlg import TextLayoutGenerator, layout_loss, sample_layout
from pipelines.models.vfe import VisualFeatureEnhancer, add_noise, diffusion_loss
from pipelines.sampling import denoise, get_noise, guided, schedule


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_autoencoder_keeps_the_size_and_normalises_its_latents() -> None:
    model = Autoencoder(latent_channels=4, fine=8, coarse=8)
    x = torch.rand(2, 3, 64, 48) * 2 - 1
    model.fit_statistics(x)
    z = model.encode(x)
    assert z.shape == (2, 4, 8, 6) and model.decode(z).shape == x.shape
    assert z.mean((0, 2, 3)).abs().max() < 1e-4 and (z.std((0, 2, 3)) - 1).abs().max() < 1e-3


def test_pooling_ignores_what_is_masked() -> None:
    hidden, mask = torch.randn(2, 5, 16), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    changed = hidden.clone()
    changed[0, 3:] = 9
    assert torch.allclose(pooled(hidden, mask), pooled(changed, mask))
    assert torch.allclose(pooled(hidden, mask).square().mean(1), torch.ones(2), atol=1e-4)


def test_ccm_composes_both_levels_and_falls_back_to_the_global_one() -> None:
    ccm = CCM(text_width=16, width=32, layers=1, heads=2).eval()
    t_g, t_i, kinds = torch.randn(2, 16), torch.randn(2, 3, 16), torch.tensor([[0, 2, 3], [0, 3, 3]])
    full, none = torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 3, dtype=torch.bool)
    tokens, t = ccm(t_g, t_i, kinds, full)
    assert tokens.shape == (2, 4, 32) and t.shape == (2, 32)
    alone, t_alone = ccm(t_g, t_i, kinds, none)
    assert alone[:, 1:].abs().max() == 0 and not torch.allclose(t, t_alone)
    assert torch.allclose(t_alone, ccm(t_g, torch.randn(2, 3, 16), kinds, none)[1], atol=1e-5)


def test_letters_are_counted_in_texts_and_stand_beside_the_aligned_embedding() -> None:
    counts = letter_counts(["Aa a", "café!"])
    told = {c: int(n) for c, n in zip([*LETTERS, "other"], counts, strict=True) if n}
    assert told == {"A": 1, "a": 3, "c": 1, "f": 1, "!": 1, "other": 1}
    assert not letter_counts([]).any() and len(letter_counts([""])) == CLASSES - 1

    one = torch.randn(1, 8)
    cosine = torch.nn.functional.cosine_similarity
    letters = torch.stack([letter_counts([w]) for w in ("PIZZA", "PIZZA", "TACOS")])
    same, right, wrong = spelled(one.expand(3, 8), letters)
    assert torch.allclose(cosine(same, right, dim=0), torch.ones(()))
    assert float(cosine(same, wrong, dim=0)) < 0.95
    assert torch.allclose(spelled(3 * one, None), one / one.norm())  # its length says nothing


def test_a_vision_encoder_with_a_reader_counts_letters_at_most_at_twice_its_side() -> None:
    plain = VisionEncoder(image_size=32, width=32, layers=1, heads=2, out=16)
    made = VisionEncoder(image_size=32, width=32, layers=1, heads=2, out=16, reader=16, alphabet=CLASSES)
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    assert plain.letter_counts(x) is None
    with torch.no_grad():
        counts = made.letter_counts(x)
        larger = made.letter_counts(x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert counts is not None and counts.shape == (2, CLASSES - 1) and bool((counts >= 0).all())
    torch.testing.assert_close(counts, larger)
    assert made(x).shape == (2, 16)


def test_alignment_loss_is_log_n_by_chance_and_falls_for_true_pairs() -> None:
    same = torch.ones(8, 4)
    assert float(alignment_loss(same, same, 0.1)) == pytest.approx(math.log(8), abs=1e-4)
    pairs = torch.eye(8)
    assert float(alignment_loss(pairs, pairs, 0.1)) < 0.01
    assert float(alignment_loss(pairs, pairs.roll(1, 0), 0.1)) > 5


def test_objective_weighs_the_diffusion_loss() -> None:
    assert float(objective(torch.tensor(2.0), torch.tensor(3.0), 0.5)) == 3.5


def test_vision_tower_takes_any_size() -> None:
    tower = VisionEncoder(image_size=32, patch=16, width=32, layers=1, heads=2, out=8)
    assert tower(torch.randn(2, 3, 64, 64)).shape == (2, 8)


def test_layout_generator_passes_known_numbers_through_and_ignores_masked_slots() -> None:
    model = TextLayoutGenerator(slot=6, hints=3, context=8, width=16, layers=1, heads=2).eval()
    known, hints, tokens = torch.randn(1, 4, 6), torch.randn(1, 4, 3), torch.randn(1, 5, 8)
    fixed = torch.zeros(1, 4, 6)
    fixed[:, 1, :4] = 1
    mask = torch.tensor([[True, True, True, False]])
    options = {"steps": 4, "variety": 1.0}
    z = sample_layout(model, known, fixed, hints, tokens, mask, **options, generator=torch.Generator().manual_seed(1))
    assert torch.equal(z[:, 1, :4], known[:, 1, :4])
    hints[:, 3] = 50
    again = sample_layout(
        model, known, fixed, hints, tokens, mask, **options, generator=torch.Generator().manual_seed(1)
    )
    assert torch.allclose(z[:, :3], again[:, :3], atol=1e-5)


def test_layout_loss_counts_only_what_is_free() -> None:
    clean, wrong, free = torch.zeros(1, 2, 3), torch.ones(1, 2, 3), torch.zeros(1, 2, 3)
    assert float(layout_loss(clean, wrong, torch.ones(3), free)) == 0
    free[0, 0, 0] = 1
    assert float(layout_loss(clean, wrong, torch.ones(3), free)) == 1


def test_enhancer_predicts_the_canvas_plus_a_residual_that_starts_at_zero() -> None:
    model = VisualFeatureEnhancer(latent=4, spread=2, context=8, size=8, layers=1, heads=2, head_dim=8)
    canvas = torch.randn(2, 4, 8, 8)
    inputs = (
        torch.randn(2, 4, 8, 8),
        torch.rand(2),
        canvas,
        torch.randn(2, 4, 8),
        torch.randn(2, 8),
        torch.rand(2, 3, 8, 8),
    )
    assert torch.equal(model(*inputs), canvas)
    torch.nn.init.normal_(model.denoiser.proj_out.weight)
    assert model(*inputs).shape == canvas.shape and not torch.equal(model(*inputs), canvas)


def test_larger_grids_share_the_positions_of_the_trained_one() -> None:
    model = VisualFeatureEnhancer(latent=4, spread=2, context=8, size=8, layers=1, heads=2, head_dim=8)
    embed = model.denoiser.pos_embed
    trained, double = (embed.cropped_pos_embed(n, n)[0].unflatten(0, (n // 2, n // 2)) for n in (8, 16))
    assert torch.allclose(trained, embed.pos_embed.unflatten(1, (4, 4))[0])
    assert torch.allclose(double[::2, ::2], trained, atol=1e-6)
    assert not torch.allclose(double[1::2, 1::2], trained, atol=0.1)
    x, canvas = torch.randn(2, 1, 4, 16, 16)
    told = (torch.randn(1, 4, 8), torch.randn(1, 8), torch.rand(1, 3, 16, 16))
    assert torch.equal(model(x, torch.ones(1), canvas, *told), canvas)


def test_diffusion_loss_is_zero_for_the_truth_and_weighs_small_noise_more() -> None:
    truth, off = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    assert float(diffusion_loss(truth, truth, torch.tensor([0.3]))) == 0
    assert diffusion_loss(truth, off, torch.tensor([0.1])) > diffusion_loss(truth, off, torch.tensor([0.9]))


def test_forward_process_ends_in_noise() -> None:
    clean, noise = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    x = add_noise(clean, noise, torch.tensor([0.0, 1.0]))
    assert torch.equal(x[0], clean[0]) and torch.allclose(x[1], noise[1])


@pytest.mark.parametrize("start", [0.25, 0.5, 1.0])
def test_sampling_with_a_perfect_denoiser_gives_the_truth(start: float) -> None:
    truth, canvas, noise = (torch.randn(2, 4, 8, 8) for _ in range(3))
    seen = []

    def perfect(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        seen.append(float(sigma[0]))
        return truth

    steps = list(denoise(perfect, canvas, noise, 4, start))
    assert [n for n, _, _ in steps] == [1, 2, 3, 4] and seen[0] == pytest.approx(start)
    assert seen == sorted(seen, reverse=True) and torch.allclose(steps[-1][2], truth, atol=1e-5)


def test_noise_of_a_seed_does_not_depend_on_the_batch() -> None:
    assert torch.equal(get_noise([3, 4], (2, 2))[1], get_noise([4], (2, 2))[0])


def test_guidance_of_one_is_the_conditional_prediction_and_more_extrapolates() -> None:
    def one(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return x + 1

    def zero(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return x

    x = torch.zeros(1)
    assert guided(one, zero, 1) is one
    assert float(guided(one, zero, 3)(x, x)) == 3


def test_schedules_are_not_shared() -> None:
    assert schedule(4, 0.5) is not schedule(4, 0.5)
    assert float(schedule(4, 0.5).sigmas[-1]) == 0


def test_sketch_head_gives_a_picture_with_opacity_and_moves_unknown_names_to_known_ones() -> None:
    head = SketchHead(8, width=16, blocks=1, channels=8, latent=4, convolutions=1, anchors=2, views={"wood": [0, 2]})
    head.anchor.copy_(torch.eye(8)[:2])
    near = head.nearest(torch.tensor([[0.9, 0.1, 0, 0, 0, 0, 0, 0], [0, 0, 1.0, 0, 0, 0, 0, 0]]))
    assert torch.equal(near[0], torch.eye(8)[0]) and torch.equal(near[1], torch.eye(8)[2])
    assert [head.view("wood", v) for v in (0, 1, 2, 3)] == [0, 2, 2, 2] and head.view("unknown", 7) == 0
    decoder = Autoencoder(latent_channels=4, fine=8, coarse=8)
    pictures = sketch_pictures(
        head, decoder.decode, near, torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long)
    )
    assert pictures.shape == (2, 4, 128, 128) and 0 <= float(pictures.min()) and float(pictures.max()) <= 1


def test_sketch_loss_is_small_for_the_truth() -> None:
    latent, opacity = torch.randn(2, 4, 16, 16), (torch.rand(2, 1, 64, 64) > 0.5).float()
    logits = (opacity * 2 - 1) * 20
    assert (
        float(sketch_loss(latent, logits, latent, opacity))
        < 1e-4
        < float(sketch_loss(-latent, logits, latent, opacity))
    )
