"""VLAD on Stable Diffusion 3: the same pipeline with other parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline
from PIL import Image

from pipelines import load
from pipelines.cache import Placement
from pipelines.config import Preset
from pipelines.errors import BadSetting
from pipelines.models.vfe import VisualFeatureEnhancer
from pipelines.registry import load_pretrained
from pipelines.vlad.pipeline import VladPipeline
from pipelines.vlad.stable import load_autoencoder, load_prompts
from tests.elsewhere import NAME, elsewhere


@pytest.fixture
def vlad(full: Preset) -> VladPipeline:
    return load("full", "cpu")


def test_grown_and_untrained_it_is_the_transformer_that_it_was(full: Preset) -> None:
    plain = load_pretrained(full.pretrained["transformer"], SD3Transformer2DModel, torch.float32)
    torch.manual_seed(1)
    x, canvas, sigma = torch.randn(2, 16, 32, 32), torch.randn(2, 16, 32, 32), torch.tensor([0.9, 0.2])
    tokens, pooled = torch.randn(2, 7, 48), torch.randn(2, 40)
    cover, elements = torch.rand(2, 3, 32, 32), torch.randn(2, 3, 256)
    with torch.no_grad():
        velocity = plain(x, tokens, pooled, 1000 * sigma, return_dict=False)[0]
        grown = VisualFeatureEnhancer.grown(plain, 256)
        clean = grown(x, sigma, canvas, tokens, pooled, cover, elements)
    torch.testing.assert_close(clean, x - sigma.view(-1, 1, 1, 1) * velocity, rtol=0, atol=1e-6)
    entry = grown.denoiser.pos_embed.proj
    assert entry.in_channels == 40 and not entry.weight[:, 16:].any() and entry.weight[:, :16].any()
    with torch.no_grad():
        entry.weight[:, 16:] += 0.1  # as soon as it learns, canvas and elements are seen
        assert not torch.allclose(clean, grown(x, sigma, canvas, tokens, pooled, cover, elements))


def test_a_transformer_that_is_not_from_latent_to_latent_cannot_be_grown() -> None:
    other = SD3Transformer2DModel(
        in_channels=8, out_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=2,
        caption_projection_dim=16, joint_attention_dim=8, pooled_projection_dim=8, sample_size=8, pos_embed_max_size=8,
    )  # fmt: skip
    with pytest.raises(ValueError, match="latent to latent"):
        VisualFeatureEnhancer.grown(other, 8)


def test_prompts_are_read_as_stable_diffusion_reads_them(full: Preset) -> None:
    encoder = load_prompts(full, torch.float32)
    tokens, pooled = encoder(["a cat", "SALE today"])
    assert tokens.shape == (2, 77 + 256, 48) and pooled.shape == (2, 40)
    assert not torch.allclose(tokens[0], tokens[1])
    encoder.t5 = None
    alone, _ = type(encoder)(encoder.clip_l, encoder.clip_g, None, encoder.tokenizers, 48)(["a cat"])
    assert torch.equal(alone[:, :77], tokens[:1, :77]) and not alone[:, 77:].any()


def test_pictures_come_back_out_of_the_latent_space(full: Preset) -> None:
    autoencoder = load_autoencoder(full, torch.float32)
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        z = autoencoder.encode(x)
        assert z.shape == (1, autoencoder.channels, 8, 8) and autoencoder.decode(z).shape == x.shape
        raw = autoencoder.vae.encode(x).latent_dist.mode()
    torch.testing.assert_close(z, (raw - 0.0609) * 1.5305)
    large = torch.rand(1, 3, 320, 320) * 2 - 1  # more than it was trained on: in tiles
    with torch.no_grad():
        assert autoencoder.decode(autoencoder.encode(large)).shape == large.shape


def test_a_prompt_is_planned_and_drawn(vlad: VladPipeline) -> None:
    layout = vlad.plan("A red poster with the text 'SALE'", seed=1)
    assert any(e.text == "SALE" for e in layout.elements)
    done = vlad.generate(layout, seed=1, steps=2, size=512, images=2)
    assert len(done.images) == 2 and done.images[0].size == (512, 512) and done.settings["preset"] == "full"
    again = vlad.generate(layout, seed=1, steps=2, size=512)
    alike = np.abs(np.asarray(again.images[0], float) - np.asarray(done.images[0], float))
    assert alike.max() <= 1  # the last digit, for it was drawn beside another one
    free = vlad.generate(layout, seed=1, steps=2, size=512, hierarchical_guidance=False)
    assert not np.array_equal(np.asarray(free.images[0]), np.asarray(again.images[0]))
    with pytest.raises(BadSetting, match="512, 768 or 1024"):
        vlad.generate(layout, size=600)


def test_letters_are_held_while_the_noise_is_high(vlad: VladPipeline) -> None:
    """Where the text stands, the first steps predict the canvas itself; elsewhere they do not."""
    layout = vlad.plan("A red poster with the text 'SALE'", seed=1)
    s = vlad._settings(0, 1, 4, None, 0.9, 512, True, True)
    canvas, area = vlad._prepare(layout, s, vlad.draft(layout, size=512))
    told = vlad._condition(layout.prompt, layout, s)
    with vlad.cache.use("vlad.vfe") as (vfe,), torch.inference_mode():
        predict = vlad._predictor(vfe, layout, s, canvas, area, told, vlad._free(layout, s, told))
        text = next(i for i, e in enumerate(layout.elements) if e.kind == "text")
        inside = area[0, text] == 1
        x = torch.randn_like(canvas)
        high, low = (predict(x, torch.tensor([level]))[0] - canvas[0] for level in (0.8, 0.5))
    assert inside.any() and high[:, inside].abs().max() < 1e-5 < low[:, inside].abs().max()
    assert high[:, ~inside].abs().mean() > 1e-3


def test_without_a_canvas_and_at_full_noise_it_is_plain_stable_diffusion(full: Preset, vlad: VladPipeline) -> None:
    """The same denoiser, prompt and noise through diffusers' own pipeline, over the same noise levels."""
    layout = vlad.plan("A red poster with the text 'SALE'", seed=1)
    ours = vlad.generate(layout, seed=3, steps=3, size=512, guidance=4.0, hierarchical_guidance=False).images[0]
    assert isinstance(ours, Image.Image)
    from pipelines.sampling import get_noise, schedule

    plain = load_pretrained(full.pretrained["transformer"], SD3Transformer2DModel, torch.float32)
    encoder, autoencoder = load_prompts(full, torch.float32), load_autoencoder(full, torch.float32)
    levels = schedule(3, 1.0, 3.0)
    pipe = StableDiffusion3Pipeline(
        plain, type(levels)(shift=1.0), autoencoder.vae, encoder.clip_l, None, encoder.clip_g, None, None, None
    )
    (tokens, pooled), (free, free_pooled) = (encoder([p]) for p in (layout.prompt, ""))
    theirs = pipe(
        prompt_embeds=tokens, pooled_prompt_embeds=pooled, negative_prompt_embeds=free,
        negative_pooled_prompt_embeds=free_pooled, guidance_scale=4.0, height=512, width=512,
        latents=get_noise([3], (16, 64, 64)), num_inference_steps=3, sigmas=levels.sigmas[:-1].tolist(),
    ).images[0]  # fmt: skip
    difference = np.abs(np.asarray(ours, float) - np.asarray(theirs, float))
    assert difference.mean() < 1 and difference.max() <= 3


def test_it_draws_in_half_precision_on_a_device_of_its_own(vlad: VladPipeline) -> None:
    vlad.cache.placement = Placement(NAME, dtype=torch.bfloat16)
    with elsewhere():
        layout = vlad.plan("A red poster with the text 'SALE'", seed=1)
        done = vlad.generate(layout, seed=1, steps=2, size=512)
        assert done.images[0].size == (512, 512) and len(vlad.read_back(layout, done.images)) == 1
