"""Downloads: the data set or model of an entry of the study, fetched at a locked commit into a folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.files.atomic import atomic_folder
from m1flow.files.json import write_json
from m1flow.files.provenance import MANIFEST
from m1flow.hub.choice import model_files, split_files
from m1flow.hub.lock import COMMIT, Lock
from m1flow.hub.repository import MissingRevision, Repository, checksum_of, file_checksum, log
from m1flow.study.settings.downloads import DownloadSettings


def locked_commit(repository: Repository, revision: str | None, lock: Lock) -> str:
    """The commit to fetch.

    Args:
        repository: the repository to fetch from.
        revision: the config's revision: a commit, a branch or tag (locked under its own name), or None.
        lock: consulted first; written if it lacks the repository.

    Raises:
        M1FlowError: the config names a revision other than the locked one.
    """
    if revision and COMMIT.fullmatch(revision):
        commit = revision
    else:
        key = f"{repository.key}@{revision}" if revision else repository.key
        commit = lock.read().get(key) or lock.keep(key, repository.commit(revision))
    locked = lock.read().get(repository.key, commit)
    if locked != commit:
        named = commit if revision == commit else f"{revision!r} ({commit})"
        raise M1FlowError(
            f"{repository.where}.revision: the config asks for {named}, but {lock.path} pins {repository.key} to "
            f"{locked}; to keep the locked commit, remove revision; to use the other one, remove the line from the lock"
        )
    return commit


def download(settings: DownloadSettings, kind: str, where: str, lock: Lock, out: Path | str, **patience: Any) -> dict:
    """Fetch the data set or model of an entry of the config into a folder.

    Args:
        settings: the repository and its files; ``checksum`` is for a single file.
        kind: "dataset" or "model".
        where: "config: <key>", for messages.
        lock: the study's lock.
        out: the folder to write, atomically: the data files under their paths in the repository, or links to a
            model's files; and a manifest.
        patience: ``attempts`` and ``first_wait`` of `Repository`.

    Returns:
        The manifest: hub, kind, commit, and each file's size and checksum.

    Raises:
        M1FlowError: the hub can't be reached, refuses, lacks the repository or file, or sends other content.
    """
    repository = Repository(settings.hub, kind, where, **patience)
    commit = locked_commit(repository, settings.revision, lock)
    try:
        files = repository.files(commit)
    except MissingRevision:
        by = f"{where}.revision" if settings.revision == commit else str(lock.path)
        raise M1FlowError(
            f"{by}: commit {commit} of {settings.hub} is no longer on the hub, which now has {repository.commit()}; "
            f"to use that one, remove the old one from {by}; results may then differ"
        ) from None
    chosen = model_files(repository, files) if kind == "model" else split_files(repository, commit, files, settings)
    manifest = {
        "hub": settings.hub,
        "kind": kind,
        "commit": commit,
        "files": {name: {"size": files[name].size, "checksum": checksum_of(files[name])} for name in chosen},
    }
    with atomic_folder(out) as folder:
        for name in chosen:
            cached = repository.fetch(files[name], commit)
            if settings.checksum:
                _check_published(repository, cached, name, chosen, settings.checksum)
            _place(cached, folder / name, link=kind == "model")
            log.info("%s: %s, %d bytes", settings.hub, name, files[name].size)
        write_json(folder / MANIFEST, manifest)
    return manifest


def _check_published(repository: Repository, cached: Path, name: str, chosen: list[str], published: str) -> None:
    if len(chosen) != 1:
        raise M1FlowError(
            f"{repository.where}.checksum: applies to a single file, but {len(chosen)} are selected; list only "
            "that file under files"
        )
    if (found := file_checksum(cached, published)) != published:
        raise M1FlowError(
            f"{repository.where}.checksum: {name} of {repository.hub} has {found}, not {published}: the file is not "
            "the published one; pin the revision that has the published file, or correct checksum"
        )


def _place(cached: Path, target: Path, link: bool) -> None:
    """Put a cached file in its place: as a symbolic link, or else as a hard link or copy that outlives the cache."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source = cached.resolve()
    if link:
        target.symlink_to(source)
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
