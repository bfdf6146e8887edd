"""Tiny models of the real classes, saved as the hub lays them out, and the preset `full` made of them."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, SD3Transformer2DModel, VQModel
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

from pipelines.config import PRESETS, Preset

WIDTH, POOLED = 48, 40  # of the transformer's tokens and of the pooled prompt


def save_tokenizer(folder: Path, longest: int, marks: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """Bytes as tokens, and marks."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {t: i for i, t in enumerate(["<pad>", "<start>", "<end>", *marks, *alphabet])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    if marks:  # as LLaMA-3's, which begins every text with a token of its own
        made.post_processor = processors.TemplateProcessing(single="<start> $A", special_tokens=[("<start>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<start>", eos_token="<|eot_id|>" if marks else "<end>",
        additional_special_tokens=list(marks), model_max_length=longest,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    return tokenizer


def save_stable(root: Path) -> None:
    """Stable Diffusion 3, a few thousand weights in all."""
    torch.manual_seed(0)
    sizes = dict(num_hidden_layers=2, num_attention_heads=2, vocab_size=300, max_position_embeddings=77, eos_token_id=2)
    for name, width in (("text_encoder", 16), ("text_encoder_2", 24)):
        config = CLIPTextConfig(hidden_size=width, intermediate_size=16, projection_dim=width, **sizes)
        CLIPTextModelWithProjection(config).save_pretrained(root / name)
    t5 = T5Config(vocab_size=300, d_model=WIDTH, d_ff=16, d_kv=8, num_heads=2, num_layers=1)
    T5EncoderModel(t5).save_pretrained(root / "text_encoder_3")
    for name, longest in (("tokenizer", 77), ("tokenizer_2", 77), ("tokenizer_3", 256)):
        save_tokenizer(root / name, longest)
    SD3Transformer2DModel(
        sample_size=64, patch_size=2, in_channels=16, num_layers=2, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=WIDTH, caption_projection_dim=16, pooled_projection_dim=POOLED, out_channels=16,
        pos_embed_max_size=96,
    ).save_pretrained(root / "transformer")  # fmt: skip
    AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8), layers_per_block=1, latent_channels=16, norm_num_groups=4,
        use_quant_conv=False, use_post_quant_conv=False, scaling_factor=1.5305, shift_factor=0.0609, sample_size=256,
    ).save_pretrained(root / "vae")  # fmt: skip


def save_vq(root: Path) -> None:
    """A VQ-VAE as VQ-Diffusion's, 8 pixels a code."""
    torch.manual_seed(0)
    VQModel(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8), norm_num_groups=4, latent_channels=6, num_vq_embeddings=40, vq_embed_dim=6,
    ).save_pretrained(root / "vqvae")  # fmt: skip


TEMPLATE = (
    "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>{% else %}\n{{ c['text'] }}{% endif %}{% endfor %}"
    "<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
MARKS = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<image>"]


def save_llava(root: Path) -> None:
    """LLaVA-NeXT with the files that its repository has."""
    torch.manual_seed(0)
    tokenizer = save_tokenizer(root, 4096, MARKS)
    grid = [[28, 56], [56, 28], [56, 56]]
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=3, num_attention_heads=2, image_size=28, patch_size=14
    )
    text = LlamaConfig(
        hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=300, initializer_range=0.4, eos_token_id=tokenizer.convert_tokens_to_ids("<|eot_id|>"),
    )  # fmt: skip
    image = tokenizer.convert_tokens_to_ids("<image>")
    config = LlavaNextConfig(
        vision_config=vision, text_config=text, image_token_index=image, image_grid_pinpoints=grid,
        vision_feature_layer=-2,
    )  # fmt: skip
    LlavaNextForConditionalGeneration(config).save_pretrained(root)
    LlavaNextImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}, image_grid_pinpoints=grid
    ).save_pretrained(root)
    facts = {"processor_class": "LlavaNextProcessor", "patch_size": 14, "vision_feature_select_strategy": "default"}
    facts |= {"image_token": "<image>", "num_additional_image_tokens": 1}
    (root / "processor_config.json").write_text(json.dumps(facts))
    (root / "chat_template.json").write_text(json.dumps({"chat_template": TEMPLATE}))


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the preset takes from the hub."""
    root = tmp_path_factory.mktemp("hub")
    save_stable(root / "stable")
    save_llava(root / "llava")
    save_vq(root / "vq")
    return root


@pytest.fixture
def full(hub: Path, monkeypatch: pytest.MonkeyPatch) -> Preset:
    """The preset `full`, with those in place of the real ones and nothing to be fetched."""
    plain = PRESETS["full"]
    pretrained = {
        name: dataclasses.replace(s, folder=str(hub / ("vq" if name == "vq" else "stable")), hub="")
        for name, s in plain.pretrained.items()
    }
    assert plain.language_model is not None
    llava = dataclasses.replace(plain.language_model, folder=str(hub / "llava"), hub="")
    made = dataclasses.replace(plain, pretrained=pretrained, language_model=llava, tile=28)
    monkeypatch.setitem(PRESETS, "full", made)
    return made


def launched(script: Path, processes: int, *args: object) -> None:
    """A script in processes of its own, by torch's launcher."""
    root = Path(__file__).resolve().parents[2]
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc_per_node={processes}",
        str(script),
    ]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([*command, *map(str, args)], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
