"""Model folders in Hugging Face's layout: checks before use, identity, recorded hashes, copies and links."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.files.fingerprints import fingerprint, fingerprint_path
from m1flow.files.json import read_json, write_json

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
_TOKENIZER_FILES = ("*token*.json", "*.model", "vocab.*", "merges.txt", "chat_template*")
_IDENTITY = ("*.safetensors", "*.index.json", "config.json", *_TOKENIZER_FILES)
_CHECKSUMS = Path("m1flow") / "checksums.json"
_REMEMBER_FROM = 64 << 20  # bytes; smaller files are hashed each time


def check_model_folder(folder: Path | str) -> Path:
    """Check that a Hugging Face model folder is whole, without loading it; return the folder.

    Raises:
        M1FlowError: a file is missing or broken; the message names the folder, the file and the cure.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise M1FlowError(
            f"{folder}: no such model folder; train or download the model, or correct its path in the config"
        )
    _read_config(folder)
    shards = sorted(folder.glob("*.safetensors"))
    if not shards and any(folder.glob("*.bin")):
        raise M1FlowError(
            f"{folder}: *.safetensors is missing (pickled *.bin weights are not read); save the model as safetensors"
        )
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        listed = set(read_json(index).get("weight_map", {}).values())
        if outside := next((name for name in listed if Path(name).name != name), None):
            raise M1FlowError(f"{index}: {outside!r} is not a file of this folder; train or download the model again")
        shards = sorted(folder / name for name in listed)
    if not shards:
        raise M1FlowError(
            f"{folder}: model.safetensors is missing; move the folder away, then train or download the model again"
        )
    for shard in shards:
        _check_weights(folder, shard)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise M1FlowError(f"{folder}: tokenizer.json is missing; save the model's tokenizer into the folder")
    settings = folder / "tokenizer_config.json"
    if settings.is_file():
        _check_no_code(settings, read_json(settings))
    return folder


def model_id(folder: Path | str, dtype: str = "float32") -> str:
    """A model's identity: a hash of its weights, tokenizer and configuration, and the dtype it runs in.

    Files of 64 MB and more are hashed once: their hash is remembered in the user's cache folder by path, size and
    modification time.

    Raises:
        M1FlowError: the folder isn't whole, or its weights differ from those that `seal` recorded.
    """
    folder = check_model_folder(folder)
    members = sorted({path for pattern in _IDENTITY for path in folder.glob(pattern) if path.is_file()})
    hashes = {path.name: _file_hash(path) for path in members}
    sealed = read_json(folder / _CHECKSUMS) if (folder / _CHECKSUMS).is_file() else {}
    for name in sorted(sealed.keys() & hashes.keys()):
        if sealed[name] != hashes[name]:
            raise M1FlowError(
                f"{folder / name}: changed since it was written; move the folder away and rerun or, if you changed the "
                f"file on purpose, delete {folder / _CHECKSUMS}"
            )
    return fingerprint([[name, hashes[name]] for name in hashes] + [dtype])


def seal(folder: Path | str) -> None:
    """Record the hashes of a model's weights, so that `model_id` detects changes such as a flipped bit."""
    folder = Path(folder)
    write_json(folder / _CHECKSUMS, {path.name: fingerprint_path(path) for path in folder.glob("*.safetensors")})


def copy_tokenizer(source: Path | str, target: Path) -> None:
    """Copy a model folder's tokenizer with its chat template, so that training and later prompts agree."""
    for path in {path for pattern in _TOKENIZER_FILES for path in Path(source).glob(pattern) if path.is_file()}:
        shutil.copyfile(path, target / path.name)


def link_files(source: Path | str, target: Path) -> None:
    """Link a model folder's files, and the hashes that `seal` recorded, into another folder.

    Links are relative within the working directory, so that a project may be moved.
    """
    here, source = Path.cwd(), Path(source)
    for file in [*source.iterdir(), source / _CHECKSUMS]:
        if file.is_file() and not file.name.startswith("."):
            link = target / file.relative_to(source)
            link.parent.mkdir(exist_ok=True)
            real, place = file.resolve(), link.parent.resolve()
            inside = real.is_relative_to(here) and place.is_relative_to(here)
            link.symlink_to(os.path.relpath(real, place) if inside else real)


def context_length(folder: Path | str, max_model_len: int | None) -> int:
    """The maximum length of a prompt with its completion, in tokens: ``max_model_len`` or, by default, the model's own.

    Args:
        folder: the model folder.
        max_model_len: the engine's ``max_model_len``; None takes the model's own length.

    Raises:
        M1FlowError: ``max_model_len`` exceeds the model's positions.
    """
    config = _read_config(Path(folder))
    own_length = config.get("max_position_embeddings") or config.get("text_config", {}).get("max_position_embeddings")
    max_model_len = max_model_len or own_length
    if max_model_len is None:
        raise M1FlowError(f"{folder}/config.json: max_position_embeddings is missing; set engine.max_model_len")
    if own_length is not None and max_model_len > own_length:
        raise M1FlowError(
            f"engine.max_model_len: {max_model_len} is more than the {own_length} positions of {folder}; lower it"
        )
    return max_model_len


def _read_config(folder: Path) -> dict:
    path = folder / "config.json"
    if not path.is_file():
        raise M1FlowError(
            f"{folder}: config.json is missing; move the folder away, then train or download the model again"
        )
    config = read_json(path)
    if not isinstance(config, dict) or "model_type" not in config:
        raise M1FlowError(
            f"{path}: model_type is missing, so this is not a Hugging Face model; train or download the model again"
        )
    _check_no_code(path, config)
    return config


def _check_no_code(path: Path, config: Any) -> None:
    """Refuse a model with its own code: the code could do anything, and without it the model would differ."""
    if isinstance(config, dict) and "auto_map" in config:
        raise M1FlowError(
            f"{path}: auto_map asks for custom code of the model, which m1flow never runs; use a model that "
            "transformers supports or, if it supports this one, remove auto_map"
        )


def _check_weights(folder: Path, shard: Path) -> None:
    """Refuse a file that isn't whole safetensors, such as one left by an interrupted download."""
    if not shard.is_file():
        raise M1FlowError(f"{folder}: {shard.name}, which the index lists, is missing; download the model again")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(shard, framework="np") as file:
            whole = bool(file.keys())
    except SafetensorError:
        whole = False
    if not whole:
        raise M1FlowError(
            f"{shard}: not a whole safetensors file; move the folder away, then train or download the model again"
        )


def _file_hash(path: Path) -> str:
    stat = path.stat()
    if stat.st_size < _REMEMBER_FROM:
        return fingerprint_path(path)
    real = path.resolve()
    sidecar = _cache_folder() / f"{fingerprint(str(real))}.json"
    seen = {"path": str(real), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    with contextlib.suppress(M1FlowError):
        remembered = read_json(sidecar)
        if isinstance(remembered, dict) and seen.items() <= remembered.items():
            return remembered["sha256"]
    digest = fingerprint_path(path)
    with contextlib.suppress(OSError):  # a read-only home costs time, but changes no results
        write_json(sidecar, seen | {"sha256": digest})
    return digest


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "m1flow" / "fingerprints"
