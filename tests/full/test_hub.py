"""Fetching from the hub, by the real client from a hub on this machine: what is asked for, and what is said."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from diffusers import AutoencoderKL, VQModel
from huggingface_hub import constants
from safetensors.torch import save_file

from pipelines import hub as hub_client
from pipelines.config import PRESETS, Source
from pipelines.convert_vq import fetched
from pipelines.errors import CheckpointMissing
from pipelines.hub import fetch
from pipelines.registry import check_weights, load_pretrained, resolve
from tests.hub import Hub, point_at, serving

COMMIT = "c" * 40
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


class Here(NamedTuple):
    hub: Hub
    cache: Path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    with serving() as served:
        point_at(served, tmp_path / "cache", monkeypatch)
        yield Here(served, tmp_path / "cache")


def source(**changes: object) -> Source:
    plain = {"folder": "checkpoints/nowhere", "hub": "a/b", "revision": COMMIT, "licence": "Terms 1.0"}
    return Source(**{**plain, **changes})  # type: ignore[arg-type]


def test_only_what_is_needed_is_fetched_at_the_pinned_commit_and_once(here: Here, hub: Path) -> None:
    here.hub.add("a/b", COMMIT, hub / "stable")
    found = resolve(source(subfolder="vae"))
    assert {p.name for p in found.iterdir()} == {"config.json", "diffusion_pytorch_model.safetensors"}
    asked = list(here.hub.asked)
    fetched = [a for a in asked if "/resolve/" in a]
    assert fetched and all(a.startswith(f"a/b/resolve/{COMMIT}/vae/") for a in fetched)
    assert load_pretrained(source(subfolder="vae"), AutoencoderKL, torch.float32).config.latent_channels == 16
    assert here.hub.asked == asked  # the second time it is here


def test_weights_in_other_forms_are_left_where_they_are(here: Here) -> None:
    files = {"config.json": b"{}", "pytorch_model.bin": b"p", "model.fp16.safetensors": b"h", "model.ckpt": b"c"}
    here.hub.add("a/b", COMMIT, files)
    with pytest.raises(CheckpointMissing, match="a/b has no weights as safetensors in its root at cccccccc"):
        fetch(source())
    assert not [a for a in here.hub.asked if a.endswith((".bin", ".ckpt", "fp16.safetensors"))]


def test_a_gated_repository_says_what_to_accept_and_which_token_to_set(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.hub.add("a/b", COMMIT, {"config.json": b"{}", "model.safetensors": b"w"})
    here.hub.gated.add("a/b")
    with pytest.raises(
        CheckpointMissing, match=r"accept its terms \(Terms 1.0\) at https://huggingface.co/a/b.*HF_TOKEN"
    ):
        fetch(source())
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    with pytest.raises(
        CheckpointMissing, match="gated and your token has no access; accept .* with the token's account"
    ):
        fetch(source())
    here.hub.readers.add("hf_of_somebody_else")
    assert (fetch(source()) / "model.safetensors").read_bytes() == b"w"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"revision": "d" * 40}, "a/b has no commit d{40}; restore the pinned revision"),
        ({"hub": "no/body"}, "no/body is not on the hub, or your token may not see it; check its page"),
        ({"subfolder": "nothing"}, "has no weights as safetensors in nothing at cccccccc"),
    ],
)
def test_what_is_not_there_is_one_sentence(here: Here, changes: dict[str, str], said: str) -> None:
    here.hub.add("a/b", COMMIT, {"config.json": b"{}", "model.safetensors": b"w"})
    with pytest.raises(CheckpointMissing, match=said):
        fetch(source(**changes))


def test_without_a_connection_it_says_where_a_copy_goes(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(CheckpointMissing, match="check the connection, or put a copy into checkpoints/nowhere"):
        fetch(source())  # which asks several times before it gives up
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointMissing, match="the hub is switched off .HF_HUB_OFFLINE.; put a copy into"):
        fetch(source())
    for hub in ("", "a/b"):
        with pytest.raises(
            CheckpointMissing, match="install .*-r requirements-models.txt|install requirements-models.txt"
        ):
            resolve(Source(package="no_such_package", hub=hub))


def test_too_small_a_disk_is_told_before_anything_is_fetched(here: Here) -> None:
    here.hub.add("a/b", COMMIT, {"model.safetensors": b"w"})
    free = shutil.disk_usage(here.cache.parent).free
    with pytest.raises(
        CheckpointMissing, match=r"takes [\d.]+ GB and the disk of .* GB free; make room, or set HF_HOME"
    ):
        fetch(source(nbytes=free))
    assert not here.hub.asked


def test_a_fetch_that_broke_off_goes_on(here: Here, hub: Path) -> None:
    here.hub.add("a/b", COMMIT, hub / "llava")
    here.hub.stop_at = "model.safetensors"
    try:
        fetch(source())
    except CheckpointMissing as e:  # the client may as well have asked again by itself
        assert "check the connection" in str(e)
    found = fetch(source())
    assert (found / "model.safetensors").read_bytes() == (hub / "llava" / "model.safetensors").read_bytes()


def test_shards_that_were_left_out_are_fetched(here: Here) -> None:
    index = json.dumps({"weight_map": dict(zip("ab", SHARDS, strict=True))}).encode()
    here.hub.add("a/b", COMMIT, {"model.safetensors.index.json": index, SHARDS[0]: b"1", SHARDS[1]: b"2"})
    found = fetch(source())
    (found / SHARDS[1]).unlink()
    assert (fetch(source()) / SHARDS[1]).read_bytes() == b"2"


def test_damaged_copies_are_one_sentence(tmp_path: Path, hub: Path) -> None:
    copy = shutil.copytree(hub / "stable" / "vae", tmp_path / "vae")
    weights = copy / "diffusion_pytorch_model.safetensors"
    own = Source(folder=str(copy))
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointMissing, match="is cut short or damaged; delete it and fetch it again"):
        load_pretrained(own, AutoencoderKL, torch.float32)
    save_file({"a": torch.zeros(2, dtype=torch.float8_e4m3fn)}, weights)
    with pytest.raises(
        CheckpointMissing, match="holds weights in F8_E4M3; put the published ones in F16 or BF16 or F32"
    ):
        load_pretrained(own, AutoencoderKL, torch.float32)
    (copy / "x.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "x-00001-of-00002.safetensors"}}))
    with pytest.raises(CheckpointMissing, match="x-00001-of-00002.safetensors is missing; fetch it again"):
        check_weights(copy)


def test_what_the_registry_says_of_the_hub_is_what_the_models_take() -> None:
    """Bytes of Stable Diffusion 3's parts and of the VQ-VAE, from modules of their size that hold no weights."""
    from diffusers import SD3Transformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection, T5Config, T5EncoderModel

    with torch.device("meta"):
        made = {
            "transformer": SD3Transformer2DModel(
                sample_size=128, num_layers=24, attention_head_dim=64, num_attention_heads=24, joint_attention_dim=4096,
                caption_projection_dim=1536, pooled_projection_dim=2048, pos_embed_max_size=192,
            ),
            "vae": AutoencoderKL(
                down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
                block_out_channels=[128, 256, 512, 512], layers_per_block=2, latent_channels=16, use_quant_conv=False,
                use_post_quant_conv=False,
            ),
            "text_encoder": CLIPTextModelWithProjection(
                CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12, projection_dim=768)
            ),
            "text_encoder_2": CLIPTextModelWithProjection(
                CLIPTextConfig(
                    hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
                    projection_dim=1280,
                )
            ),
            "text_encoder_3": T5EncoderModel(
                T5Config(
                    vocab_size=32128, d_model=4096, d_ff=10240, d_kv=64, num_heads=64, num_layers=24,
                    feed_forward_proj="gated-gelu",
                )
            ),
        }  # fmt: skip
    told = PRESETS["full"].pretrained
    for name, model in made.items():
        kept = [b for n, b in model.named_buffers() if n in model.state_dict()]
        assert told[name].nbytes == sum(2 * t.numel() for t in (*model.parameters(), *kept)), name
    with torch.device("meta"):
        vq = VQModel(
            down_block_types=(*["DownEncoderBlock2D"] * 3, "AttnDownEncoderBlock2D"),
            up_block_types=("AttnUpDecoderBlock2D", *["UpDecoderBlock2D"] * 3),
            block_out_channels=(64, 128, 256, 512), layers_per_block=2, latent_channels=256, num_vq_embeddings=4096,
            vq_embed_dim=128,
        )  # fmt: skip
    assert told["vq"].nbytes == sum(4 * t.numel() for t in vq.state_dict().values())


def test_every_gated_or_large_source_tells_its_licence() -> None:
    for preset in PRESETS.values():
        for told in filter(None, (preset.language_model, *preset.pretrained.values())):
            assert told.licence or told.package
    assert hub_client.SPARE > 0


def test_the_file_that_is_made_readable_is_the_known_one(here: Here, hub: Path) -> None:
    files = {"vqvae/diffusion_pytorch_model.bin": b"weights", "vqvae/config.json": b"{}"}
    here.hub.add("a/b", COMMIT, files)
    known = source(subfolder="vqvae", sha256=hashlib.sha256(b"weights").hexdigest())
    weights, config = fetched(known)
    assert weights.read_bytes() == b"weights" and config.read_bytes() == b"{}"
    with pytest.raises(CheckpointMissing, match="damaged or another file"):
        fetched(dataclasses.replace(known, sha256="0" * 64))
    with pytest.raises(CheckpointMissing, match="is not on the hub"):
        fetched(dataclasses.replace(known, hub="a/none"))
