"""Files from the Hugging Face hub: at a locked commit, retried, verified against the hub's checksums, cached as files.

`huggingface_hub` and not `datasets`: it gives one commit, the list of its files with their hashes, and then exactly
those bytes. `datasets.load_dataset` decides itself which files a split has, may take the hub's converted copy instead,
and keeps no record of either. Only data and safetensors are ever fetched: no pickles, no code, no loading scripts.

An interrupted transfer is resumed within a job. After a kill, files that were complete are taken from the hub's cache
(HF_HOME), whichever study fetched them. The token is HF_TOKEN of the environment; it is neither stored nor logged.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.hub_files import model_files, split_files
from m1flow.hub_lock import COMMIT, Lock
from m1flow.model_folder import atomic_folder
from m1flow.rows import MANIFEST
from m1flow.storage import write_json

log = logging.getLogger(__name__)

ATTEMPTS = 4
FIRST_WAIT = 1.0
"""Seconds before the second attempt; each further wait is twice the last."""


class Repository:
    """One data set or model on the hub. Its problems are M1FlowErrors that begin with ``where``."""

    def __init__(self, hub: str, kind: str, where: str, attempts: int = ATTEMPTS, first_wait: float = FIRST_WAIT):
        """Name a repository; nothing is asked of the hub yet.

        Args:
            hub: its id, "owner/name".
            kind: "dataset" or "model".
            where: "config: <key>", for messages.
            attempts: how often a request is made before it counts as failed.
            first_wait: seconds before the second one.
        """
        from huggingface_hub import HfApi

        self.hub, self.kind, self.where = hub, kind, where
        self.key = f"{kind}s/{hub}"
        self._attempts, self._first_wait = attempts, first_wait
        self._token = os.environ.get("HF_TOKEN") or False
        self._endpoint = os.environ.get("HF_ENDPOINT")
        self._api = HfApi(endpoint=self._endpoint, token=self._token, library_name="m1flow")

    def commit(self, revision: str | None = None) -> str:
        """The commit that a branch or tag stands for now; the default branch's without one."""
        info = self._ask(
            lambda: self._api.repo_info(self.hub, revision=revision, repo_type=self.kind, timeout=30),
            revision or "its default branch",
        )
        return info.sha

    def files(self, commit: str) -> dict[str, Any]:
        """The commit's files by path: objects with ``size``, ``blob_id`` and ``lfs``."""
        listing = self._ask(
            lambda: list(self._api.list_repo_tree(self.hub, recursive=True, revision=commit, repo_type=self.kind)),
            commit,
        )
        files = {entry.path: entry for entry in listing if hasattr(entry, "blob_id")}
        for name in files:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
                raise self._problem(f"{self.hub} lists the file {name!r}, which lies outside of it; use another")
        return files

    def fetch(self, file: Any, commit: str) -> Path:
        """A file's path in the cache, downloaded if need be; its hash is the one that the hub lists.

        A copy that differs is removed and fetched anew, as often as a request is repeated.
        """
        from huggingface_hub import hf_hub_download

        for left in reversed(range(self._attempts)):
            path = Path(
                self._ask(
                    lambda: hf_hub_download(
                        self.hub,
                        file.path,
                        repo_type=self.kind,
                        revision=commit,
                        endpoint=self._endpoint,
                        token=self._token,
                        library_name="m1flow",
                    ),
                    file.path,
                )
            )
            expected, found = checksum_of(file), _hash(path, checksum_of(file))
            if found == expected:
                return path
            log.warning("%s: %s is %s, not %s: fetched anew", self.hub, file.path, found, expected)
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            if left:
                time.sleep(self._first_wait)
        raise self._problem(
            f"{self.hub}: {file.path} arrived as {found}, the hub lists {expected}; rerun, and if it stays "
            "so, something between here and the hub changes files"
        )

    def _ask(self, request: Callable[[], Any], what: str) -> Any:
        for attempt in range(self._attempts):
            try:
                return request()
            except (TypeError, AttributeError, NameError):
                raise  # a mistake in the code, here or in the client
            except Exception as error:  # whatever else the client raises becomes one line, or another attempt
                reason, passing = self._reason(error, what)
                if not passing or attempt + 1 == self._attempts:
                    tries = f" after {attempt + 1} attempts" if attempt else ""
                    raise self._problem(reason.replace(";", f"{tries};", 1)) from None
                wait = self._first_wait * 2**attempt
                log.warning(
                    "%s: %s: attempt %d of %d, next in %.0f s", self.hub, reason, attempt + 1, self._attempts, wait
                )
                time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _problem(self, reason: str) -> M1FlowError:
        return M1FlowError(f"{self.where}: {reason}")

    def _reason(self, error: Exception, what: str) -> tuple[str, bool]:
        """What went wrong, as "problem; cure", and whether it may pass by itself."""
        from huggingface_hub import errors

        if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
            error = error.__cause__
        page = f"https://huggingface.co/{'datasets/' if self.kind == 'dataset' else ''}{self.hub}"
        if isinstance(error, errors.GatedRepoError):
            cure = (
                "accept its terms with the account of HF_TOKEN"
                if self._token
                else "accept its terms, then set HF_TOKEN in the environment"
            )
            return f"{self.hub} is gated; {cure} ({page})", False
        status = getattr(getattr(error, "response", None), "status_code", None)
        hidden = status == 401 and not self._token  # how the hub answers for what isn't there, or isn't public
        if isinstance(error, errors.RepositoryNotFoundError) or hidden:
            cure = "correct the id, or, if it is private, set HF_TOKEN in the environment"
            return f"no {self.kind} {self.hub!r} on the hub; {cure}", False
        if isinstance(error, errors.RevisionNotFoundError):
            return f"{self.hub} has no revision {what!r}; correct revision, see {page}/commits", False
        if isinstance(error, errors.RemoteEntryNotFoundError):
            return f"{self.hub} has no file {what!r}; correct files, see {page}/tree/main", False
        if isinstance(error, errors.HFValidationError):
            return f"{self.hub!r} is no hub id; write owner/name", False
        if isinstance(error, errors.OfflineModeIsEnabled):
            return f"{self.hub} is needed from the hub, and HF_HUB_OFFLINE is set; unset it, or use path", False
        if status in (401, 403):
            return f"the hub refuses access to {self.hub} (status {status}); renew HF_TOKEN, or see {page}", False
        if status is not None:
            return f"the hub answers status {status} for {self.hub}; rerun later", status in (408, 429) or status >= 500
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            return (
                f"can't write to the hub's cache ({os.strerror(error.errno)}); free it, or set HF_HOME elsewhere",
                False,
            )
        return f"can't reach the hub for {self.hub} ({type(error).__name__}); check the network, then rerun", True


def locked_commit(repository: Repository, revision: str | None, lock: Lock) -> str:
    """The commit to fetch.

    Args:
        repository: whose commit.
        revision: what the config names: a commit, a branch or tag (locked under its own name), or nothing.
        lock: consulted first; written where it doesn't know the repository yet.

    Raises:
        M1FlowError: the config names another revision than the lock has.
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
            f"{repository.where}.revision: the config names {named}, but {lock.path} has {repository.key} at {locked}; "
            "remove the revision, or that line of the lock to take the new one"
        )
    return commit


def download(spec: Mapping[str, Any], kind: str, where: str, lock: Lock, out: Path | str, **patience: Any) -> dict:
    """Fetch what an entry of the config names into a folder.

    Args:
        spec: ``hub``; if given ``revision``, ``config``, ``split``, ``files`` (patterns), and ``checksum``
            ("md5:..." or "sha256:..." of the one file).
        kind: "dataset" or "model".
        where: "config: <key>", for messages.
        lock: the study's.
        out: the folder to write, atomically: the data files under their paths in the repository, or links to a
            model's files; and a manifest.
        patience: ``attempts`` and ``first_wait`` of `Repository`.

    Returns:
        The manifest: hub, kind, commit, and each file's size and checksum.

    Raises:
        M1FlowError: the hub can't be reached, refuses, has no such thing, or sends something else.
    """
    repository = Repository(spec["hub"], kind, where, **patience)
    commit = locked_commit(repository, spec.get("revision"), lock)
    try:
        files = repository.files(commit)
    except M1FlowError as error:
        if "has no revision" not in str(error):
            raise
        by = f"{where}.revision" if spec.get("revision") == commit else str(lock.path)
        raise M1FlowError(
            f"{by}: commit {commit} of {spec['hub']} is gone from the hub, which now has {repository.commit()}; remove "
            "it there to take the new one, and expect other results"
        ) from None
    chosen = model_files(repository, files) if kind == "model" else split_files(repository, commit, files, spec)
    manifest = {
        "hub": spec["hub"],
        "kind": kind,
        "commit": commit,
        "files": {name: {"size": files[name].size, "checksum": checksum_of(files[name])} for name in chosen},
    }
    with atomic_folder(out) as folder:
        for name in chosen:
            cached = repository.fetch(files[name], commit)
            if spec.get("checksum"):
                _check_published(repository, cached, name, chosen, spec["checksum"])
            _place(cached, folder / name, link=kind == "model")
            log.info("%s: %s, %d bytes", spec["hub"], name, files[name].size)
        write_json(folder / MANIFEST, manifest)
    return manifest


def checksum_of(file: Any) -> str:
    """The checksum that the hub lists for a file: of its bytes for large files, git's blob hash for others."""
    return f"sha256:{file.lfs.sha256}" if file.lfs else f"git:{file.blob_id}"


def _hash(path: Path, like: str) -> str:
    """A file's checksum of the same kind as ``like``."""
    kind = like.partition(":")[0]
    digest = hashlib.new("sha1" if kind == "git" else kind)
    if kind == "git":
        digest.update(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return f"{kind}:{digest.hexdigest()}"


def _check_published(repository: Repository, cached: Path, name: str, chosen: list[str], published: str) -> None:
    if len(chosen) != 1:
        raise M1FlowError(f"{repository.where}.checksum: is of one file, and {len(chosen)} are read; name it in files")
    if (found := _hash(cached, published)) != published:
        raise M1FlowError(
            f"{repository.where}.checksum: {name} of {repository.hub} is {found}, not {published}; the file is not the "
            "published one: pin the revision that has it, or correct checksum"
        )


def _place(cached: Path, target: Path, link: bool) -> None:
    """Put a cached file in its place: linked where it is huge, else as a file of its own that outlives the cache."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source = cached.resolve()
    if link:
        target.symlink_to(source)
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
