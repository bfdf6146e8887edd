"""Every training stage on its smoke configuration: two steps on the real classes, files that load, resuming exactly."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.models.autoencoder import Autoencoder
from pipelines.models.encoder import VisionEncoder
from pipelines.models.reader import CLASSES
from pipelines.models.sketch import SketchHead
from pipelines.models.vfe import VisualFeatureEnhancer
from pipelines.types import FULL, Box, Element, Layout
from pipelines.vlad.canvas import draw_canvas
from pipelines.vlad.fonts import default_fonts
from pipelines.vlad.loaders import load_encoder, load_part
from tests.elsewhere import NAME, elsewhere, stepped
from training import align, autoencoder, sketch, tlg, vfe, vision
from training.checkpoints import publish, save_part
from training.data.assets import Assets
from training.loop import Log, RunConfig, chosen, fit, learning_rate, parser
from training.posters import load_posters

COLOURS = ("#ffffff", "#182658", "#fcd03a", "#2a8c48", "#cf282d", "#1a1a1a")


def small_layout(i: int) -> Layout:
    prompt = f"A badge with the text 'WORD {i}'"
    return Layout(
        prompt,
        (
            Element("background", FULL, colour=COLOURS[i % 6]),
            Element(
                "panel", Box(0.1, 0.1, 0.9, 0.9), text="badge", colour=COLOURS[(i + 1) % 6], style="circle", span=(2, 7)
            ),
            Element(
                "text", Box(0.25, 0.4, 0.75, 0.6), text=f"WORD {i}", colour=COLOURS[(i + 2) % 6], font="montserrat-700"
            ),
        ),
        caption="A badge",
    )


@pytest.fixture(scope="session")
def posters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn layouts in the form that `training.data.dataset` writes."""
    folder = tmp_path_factory.mktemp("posters")
    layouts = [small_layout(i) for i in range(8)]
    np.save(folder / "images.npy", np.stack([np.asarray(draw_canvas(x, {}, None)) for x in layouts]))
    lines = [json.dumps({"layout": x.to_dict()}) for x in layouts]
    (folder / "layouts.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory, posters: Path, minilm_folder: Path) -> Path:
    """A folder with tiny, barely trained parts of stages 1 to 3."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    save_part(Autoencoder(latent_channels=4, fine=8, coarse=8), folder / "autoencoder")
    save_part(SketchHead(width=16, blocks=1, channels=8, latent=4, convolutions=1), folder / "sketch")
    stage = align_stage(posters)
    fit(stage, smoke(align.CONFIGS), folder / "run")
    for part in ("lora", "ccm", "vision", "tlg"):
        publish(folder / "run", part, folder)
    return folder


def align_stage(posters: Path) -> align.AlignStage:
    data = load_posters(posters, default_fonts())
    return align.AlignStage(data, data, align.SMOKE_SIZES)


def smoke(configs: dict[str, RunConfig], **changes: object) -> RunConfig:
    return dataclasses.replace(configs["smoke"], **changes)


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "log.csv").open() as f:
        return list(csv.DictReader(f))


def test_learning_rate_warms_up_and_falls_to_a_twentieth() -> None:
    config = RunConfig(steps=100, batch=1, warmup=10)
    assert learning_rate(0, config) == pytest.approx(0.1)
    assert learning_rate(10, config) == pytest.approx(1.0)
    assert learning_rate(100, config) == pytest.approx(0.05)


def test_learning_rate_falls_within_the_minutes_that_a_run_may_take() -> None:
    config = RunConfig(steps=1000, batch=1, warmup=10, minutes=2)
    assert learning_rate(20, config, 0) > 0.99
    assert learning_rate(20, config, 60) == pytest.approx(0.525)
    assert learning_rate(20, config, 120) == learning_rate(1000, config, 5) == pytest.approx(0.05)
    slow = RunConfig(steps=1000, batch=1, warmup=100, minutes=2)  # ten steps in all: it rises in the first
    assert learning_rate(0, slow, 0) == 0.01 and learning_rate(1, slow, 6) == 0.5
    assert learning_rate(2, slow, 12) > 0.97 and learning_rate(9, slow, 120) == pytest.approx(0.05)


def test_log_keeps_its_columns_when_it_goes_on(tmp_path: Path) -> None:
    Log(tmp_path / "log.csv").write({"step": 1, "loss": 0.5})
    Log(tmp_path / "log.csv").write({"step": 2, "loss": 0.25, "other": 1})
    assert rows(tmp_path) == [{"step": "1", "loss": "0.5"}, {"step": "2", "loss": "0.25"}]


def test_autoencoder_resumes_to_the_same_weights(tmp_path: Path, posters: Path) -> None:
    config = smoke(autoencoder.CONFIGS, steps=4, eval_every=4, save_every=2)

    def stage() -> autoencoder.AutoencoderStage:
        return autoencoder.AutoencoderStage(posters, held_out=2, fine=8, coarse=8)

    fit(stage(), config, tmp_path / "whole")
    fit(stage(), config, tmp_path / "broken", stop_after=2)
    fit(stage(), config, tmp_path / "broken")
    a, b = (load_part("autoencoder", tmp_path / name).state_dict() for name in ("whole", "broken"))
    assert all(torch.equal(a[n], b[n]) for n in a)
    start = dict(Autoencoder(fine=8, coarse=8).named_parameters())
    assert any(not torch.equal(a[n], start[n].half().float()) for n in start)
    assert rows(tmp_path / "broken")[-1]["step"] == "4"
    facts = json.loads((tmp_path / "broken" / "run.json").read_text())
    assert facts["steps"] == 4 and facts["samples"] == 8


def test_what_was_learned_outlives_a_measurement_that_fails(tmp_path: Path, posters: Path) -> None:
    """The state is saved first; given again, the command measures and ends without another step."""
    config = smoke(autoencoder.CONFIGS, steps=3, eval_every=3, save_every=9)

    class Failing(autoencoder.AutoencoderStage):
        def evaluate(self, model: object) -> dict[str, float]:
            raise RuntimeError("no room to measure")

    with pytest.raises(RuntimeError, match="no room"):
        fit(Failing(posters, held_out=2, fine=8, coarse=8), config, tmp_path)
    stages = [autoencoder.AutoencoderStage(posters, held_out=2, fine=8, coarse=8) for _ in range(2)]
    first, again = (fit(stage, config, tmp_path) for stage in stages)
    assert first == again and first["held_out_psnr"] > 0
    assert [r["step"] for r in rows(tmp_path)] == ["3"] and load_part("autoencoder", tmp_path)


def test_a_run_limited_in_time_is_measured_on_its_way(tmp_path: Path, posters: Path) -> None:
    config = smoke(autoencoder.CONFIGS, steps=10_000, eval_every=10_000, save_every=10_000, minutes=0.1)
    stage = autoencoder.AutoencoderStage(posters, held_out=2, fine=8, coarse=8)
    fit(stage, config, tmp_path)
    told = rows(tmp_path)
    assert 2 <= len(told) <= 6 and float(told[-1]["minutes"]) >= 0.1


def test_batches_drawn_ahead_are_the_same(tmp_path: Path, posters: Path) -> None:
    for ahead in (False, True):
        stage = autoencoder.AutoencoderStage(posters, held_out=2, fine=8, coarse=8)
        fit(stage, smoke(autoencoder.CONFIGS, steps=3, ahead=ahead), tmp_path / str(ahead))
    a, b = (load_part("autoencoder", tmp_path / str(ahead)).state_dict() for ahead in (False, True))
    assert all(torch.equal(a[n], b[n]) for n in a)


def test_alignment_stage_writes_parts_that_load(weights: Path) -> None:
    assert {"held_out_retrieval_at_1", "align", "layout"} <= set(rows(weights / "run")[-1])
    encoder = load_encoder(weights)
    moved = [p for n, p in encoder.named_parameters() if "lora_B" in n]
    assert moved and any(p.abs().sum() > 0 for p in moved)  # B starts at zero: training has moved it
    for part in ("ccm", "vision", "tlg"):
        load_part(part, weights)


def test_vision_stage_tunes_tower_and_summary_to_the_locked_text_side(
    tmp_path: Path, weights: Path, posters: Path
) -> None:
    data, kept = load_posters(posters, default_fonts()), tmp_path / "texts"
    stage = vision.VisionStage([data, data], data, weights, weights / "vision", {}, kept)
    again = vision.VisionStage([data, data], data, weights, weights / "vision", {}, kept)
    for told, kept_ones in zip(stage.told, again.told, strict=True):
        assert all(torch.equal(told[k], kept_ones[k]) for k in vision.SORTS)
    with pytest.raises(ValueError, match="other posters"):
        shorter = dataclasses.replace(data, prompts=data.prompts[:-1])
        vision.VisionStage([shorter], data, weights, weights / "vision", {}, kept)
    assert len(stage.images) == 2 * len(data) and stage.images.shape[1:] == (32, 32, 3)
    one = vision.Texts(weights, stage.device).of(data, data.prompts)[2]  # as in any other order
    assert torch.allclose(stage.tokens(len(data) + 2, "prompts").float(), one.float(), atol=2e-3)
    assert not torch.allclose(stage.told[0]["prompts"], stage.told[0]["captions"])
    fit(stage, smoke(vision.CONFIGS, steps=40, eval_every=20, lr=3e-3), tmp_path)
    first, last = rows(tmp_path)
    assert float(last["held_out_align"]) < float(first["held_out_align"])  # the same pictures: they are learned
    assert "held_out_spelled_retrieval_at_1" not in last  # a tower without a reader
    load_part("vision", tmp_path)
    before, after = load_part("ccm", weights).state_dict(), load_part("ccm", tmp_path).state_dict()
    assert all(torch.allclose(before[n], after[n], atol=2e-3) for n in before) and set(after) > set(before)


def test_vision_stage_keeps_the_letter_reader_of_its_start(tmp_path: Path, weights: Path, posters: Path) -> None:
    data = load_posters(posters, default_fonts())
    sizes = vision.SMOKE_SIZES | {"out": load_part("ccm", weights).config.width, "reader": 16, "alphabet": CLASSES}
    save_part(VisionEncoder(**sizes), tmp_path / "start" / "vision")
    stage = vision.VisionStage([data], data, weights, tmp_path / "start" / "vision", {})
    fit(stage, smoke(vision.CONFIGS, steps=4, eval_every=4, lr=3e-3), tmp_path)
    before, after = (load_part("vision", folder).state_dict() for folder in (tmp_path / "start", tmp_path))
    moved = {n.split(".")[0] for n, t in before.items() if not torch.allclose(t, after[n], atol=1e-3)}
    assert moved == {"vision", "project"}
    (last,) = rows(tmp_path)
    assert 0 <= float(last["held_out_spelled_retrieval_at_1"]) <= 1
    assert vision.retrieved(torch.eye(4), torch.eye(4)) == (1.0, 1.0)
    assert vision.retrieved(torch.eye(4), torch.eye(4)[[0, 0, 3, 3]]) == (0.25, 0.5)


def test_projection_of_composed_tokens_starts_at_t_and_then_reads_the_elements(weights: Path) -> None:
    plain, ccm = load_part("ccm", weights), vision.gathering(weights)
    torch.manual_seed(0)
    t_g, t_i, kinds = torch.randn(2, 384), torch.randn(2, 3, 384), torch.tensor([[0, 1, 2], [0, 2, 3]])
    keep = torch.tensor([[True, True, False], [True, True, True]])
    tokens, t = plain(t_g, t_i, kinds, keep)
    composed = vision.Composed(torch.cat([tokens, tokens[:, :1]], 1), keep)
    for model in (plain, ccm):
        assert torch.allclose(model.aligned(composed.tokens, composed.keep), t, atol=1e-5)
    torch.nn.init.normal_(ccm.reading.attention.out_proj.weight)
    again = ccm(t_g, t_i, kinds, keep)
    assert torch.allclose(again[0], tokens, atol=1e-5) and torch.allclose(again[1], t, atol=1e-5)  # these guide
    assert not torch.allclose(ccm.aligned(composed.tokens, composed.keep), t, atol=1e-3)
    alone = vision.Composed(torch.cat([tokens, tokens[:, :1]], 1), keep, torch.ones(2, 1, dtype=torch.bool))
    assert alone.keep.sum() == 2 and not alone.tokens[:, 1:].any()


def test_sketch_stage_learns_every_drawing_and_names_its_views(
    tmp_path: Path, weights: Path, small_cache: Path
) -> None:
    stage = sketch.SketchStage(
        Assets(small_cache), weights, 4, width=16, blocks=1, channels=8, latent=4, convolutions=1
    )
    assert stage.targets.latent.shape[1:] == (4, 16, 16) and stage.targets.opacity.shape[1:] == (1, 64, 64)
    fit(stage, smoke(sketch.CONFIGS), tmp_path)
    head = load_part("sketch", tmp_path)
    learned = head.config.views["a forest"]
    assert head.view("a forest", learned[0]) == learned[0] and head.view("a forest", 15) in learned
    assert {"trained_name_mse", "held_out_alias_mse"} <= set(rows(tmp_path)[-1])


def test_layout_stage(tmp_path: Path, posters: Path, weights: Path) -> None:
    data = tlg.compose(load_posters(posters, default_fonts()), weights)
    fit(tlg.LayoutStage(data, data, None, width=32, layers=1, heads=2), smoke(tlg.CONFIGS), tmp_path)
    assert 0 <= float(rows(tmp_path)[-1]["held_out_box_iou"]) <= 1
    load_part("tlg", tmp_path)


def test_enhancer_stage_resumes_to_the_same_weights(tmp_path: Path, posters: Path, weights: Path) -> None:
    data = load_posters(posters, default_fonts())
    latents = vfe.encode_posters(data, weights, default_fonts())
    assert latents.truth.shape == (8, 4, 32, 32) and latents.cover.shape[1:] == (16, 32, 32)
    config = smoke(vfe.CONFIGS, steps=4, eval_every=4, save_every=2)

    def stage() -> vfe.EnhancerStage:
        decoder = load_part("autoencoder", weights)
        return vfe.EnhancerStage(latents, latents, data.images[:8], decoder, layers=1, heads=2, head_dim=16)

    fit(stage(), config, tmp_path / "whole")
    fit(stage(), config, tmp_path / "broken", stop_after=2)
    fit(stage(), config, tmp_path / "broken")
    a, b = (load_part("vfe", tmp_path / name).state_dict() for name in ("whole", "broken"))
    assert all(torch.equal(a[n], b[n]) for n in a)


def test_a_trained_denoiser_goes_on_with_more_layers_as_if_they_were_not_there() -> None:
    torch.manual_seed(0)
    trained = VisualFeatureEnhancer(latent=4, context=32, size=8, layers=2, heads=2, head_dim=16)
    torch.nn.init.normal_(trained.denoiser.proj_out.weight)
    deeper = vfe.deepened(trained, 4)
    x, canvas = torch.randn(2, 2, 4, 8, 8)
    told = torch.randn(2, 3, 32), torch.randn(2, 32), torch.rand(2, 2, 8, 8)
    with torch.no_grad():
        before, after = (m(x, torch.tensor([0.3, 0.9]), canvas, *told) for m in (trained, deeper))
    torch.testing.assert_close(after, before)
    blocks = deeper.denoiser.transformer_blocks
    assert len(blocks) == 4 and all(p.requires_grad for p in blocks[1].parameters())
    (deeper(x, torch.ones(2), canvas, *told).square().sum()).backward()
    assert blocks[1].norm1.linear.weight.grad is not None and blocks[1].norm1.linear.weight.grad.any()  # it can learn
    with pytest.raises(ValueError, match="2 layers"):
        vfe.deepened(trained, 1)


def test_canvases_of_several_processes_are_those_of_one(posters: Path) -> None:
    layouts = load_posters(posters, default_fonts()).layouts
    plans = [[(layout, {}, None) for layout in part] for part in (layouts[:3], layouts[3:4])]
    one, two = ([p for part in vfe.drawn(iter(plans), default_fonts(), n) for p in part] for n in (1, 2))
    assert len(one) == 4 and all(a.tobytes() == b.tobytes() for a, b in zip(one, two, strict=True))


def test_stages_keep_to_one_device(posters: Path, weights: Path, small_cache: Path, monkeypatch) -> None:
    """What a step and a measurement compute with is where the model is: on a GPU anything else is an error."""
    for module in (align, autoencoder, sketch, tlg, vfe, vision):
        monkeypatch.setattr(module, "best_device", lambda: NAME)
    fonts = default_fonts()
    with elsewhere():
        data = load_posters(posters, fonts)
        latents = vfe.encode_posters(data, weights, fonts)
        decoder, composed = load_part("autoencoder", weights), tlg.compose(data, weights)
        stages = [
            autoencoder.AutoencoderStage(posters, held_out=2, fine=8, coarse=8),
            align_stage(posters),
            sketch.SketchStage(Assets(small_cache), weights, 4, width=16, blocks=1, latent=4, convolutions=1),
            tlg.LayoutStage(composed, composed, None, width=32, layers=1, heads=2),
            vfe.EnhancerStage(latents, latents, data.images[:8], decoder, layers=1, heads=2, head_dim=16),
            vision.VisionStage([data], data, weights, weights / "vision", {}),
        ]
        for stage in stages:
            assert stepped(stage)


def test_precision_is_the_faster_one_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("a GPU computes in bfloat16 in any case")
    args = ["--out", "out", "--config", "cpu"]
    for tiles, wanted in ((lambda: True, "bf16"), (lambda: False, "no")):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", tiles)
        assert chosen(autoencoder.CONFIGS, parser("").parse_args(args)).precision == wanted
        for given in ("no", "bf16"):
            told = parser("").parse_args([*args, "--precision", given])
            assert chosen(autoencoder.CONFIGS, told).precision == given
