"""Files from the Hugging Face hub: at a locked commit, retried, verified against the hub's checksums, cached as files.

`huggingface_hub` is used, not `datasets`: it gives one commit, the list of its files with their hashes, and exactly
their bytes. `datasets.load_dataset` decides by itself which files a split has, may take the hub's converted copy
instead, and records neither. Only data and safetensors are ever fetched: no pickles, no code, no loading scripts.

An interrupted transfer is resumed within a job. After a kill, complete files are taken from the hub's cache (HF_HOME),
whichever study fetched them. The token is taken from the environment variable HF_TOKEN; it is neither stored nor
logged.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from m1flow.errors import M1FlowError

log = logging.getLogger(__name__)

ATTEMPTS = 4
FIRST_WAIT = 1.0
"""Seconds before the second attempt; each further wait is twice the previous one."""


class MissingRevision(M1FlowError):
    """The repository has no such branch, tag or commit."""


class Repository:
    """One data set or model on the hub. Problems with it are M1FlowErrors that begin with ``where``."""

    def __init__(self, hub: str, kind: str, where: str, attempts: int = ATTEMPTS, first_wait: float = FIRST_WAIT):
        """Name a repository; the hub is not asked yet.

        Args:
            hub: the repository's id, "owner/name".
            kind: "dataset" or "model".
            where: "config: <key>", for messages.
            attempts: number of times a request is made before it counts as failed.
            first_wait: seconds before the second attempt.
        """
        from huggingface_hub import HfApi

        self.hub, self.kind, self.where = hub, kind, where
        self.key = f"{kind}s/{hub}"
        self._attempts, self._first_wait = attempts, first_wait
        self._token = os.environ.get("HF_TOKEN") or False
        self._endpoint = os.environ.get("HF_ENDPOINT")
        self._api = HfApi(endpoint=self._endpoint, token=self._token, library_name="m1flow")

    def commit(self, revision: str | None = None) -> str:
        """The current commit of a branch or tag; by default, of the default branch."""
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
                raise self._problem(
                    f"{self.hub} lists the file {name!r}, which lies outside the repository; use another one"
                )
        return files

    def fetch(self, file: Any, commit: str) -> Path:
        """A file's path in the cache, downloaded if needed; its hash is checked against the hub's.

        A copy that differs is removed and fetched again, as many times as a request is repeated.
        """
        from huggingface_hub import hf_hub_download

        for attempts_left in reversed(range(self._attempts)):
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
            expected, found = checksum_of(file), file_checksum(path, checksum_of(file))
            if found == expected:
                return path
            log.warning("%s: %s has %s, not %s: fetching it again", self.hub, file.path, found, expected)
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            if attempts_left:
                time.sleep(self._first_wait)
        raise self._problem(
            f"{self.hub}: {file.path} arrived as {found}, but the hub lists {expected}; rerun, and if this "
            "happens again, find what changes files between this machine and the hub"
        )

    def _ask(self, request: Callable[[], Any], what: str) -> Any:
        from huggingface_hub.errors import RevisionNotFoundError

        for attempt in range(self._attempts):
            try:
                return request()
            except (TypeError, AttributeError, NameError):
                raise  # a mistake in the code, here or in the client
            except Exception as error:  # the client's other errors become one line, or another attempt
                reason, passing = self._reason(error, what)
                if not passing or attempt + 1 == self._attempts:
                    tries = f" after {attempt + 1} attempts" if attempt else ""
                    text = f"{self.where}: {reason.replace(';', f'{tries};', 1)}"
                    missing = isinstance(error, RevisionNotFoundError)
                    raise (MissingRevision if missing else M1FlowError)(text) from None
                wait = self._first_wait * 2**attempt
                log.warning(
                    "%s: %s: attempt %d of %d, next in %.0f s", self.hub, reason, attempt + 1, self._attempts, wait
                )
                time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _problem(self, reason: str) -> M1FlowError:
        return M1FlowError(f"{self.where}: {reason}")

    def _reason(self, error: Exception, what: str) -> tuple[str, bool]:
        """The error as "problem; cure", and whether it may be temporary."""
        from huggingface_hub import errors

        if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
            error = error.__cause__
        page = f"https://huggingface.co/{'datasets/' if self.kind == 'dataset' else ''}{self.hub}"
        if isinstance(error, errors.GatedRepoError):
            cure = (
                "accept its terms with the account that HF_TOKEN belongs to"
                if self._token
                else "accept its terms, then set HF_TOKEN in the environment"
            )
            return f"{self.hub} is gated; {cure} ({page})", False
        status = getattr(getattr(error, "response", None), "status_code", None)
        hidden = status == 401 and not self._token  # the hub's answer for missing or private repositories
        if isinstance(error, errors.RepositoryNotFoundError) or hidden:
            cure = f"correct the id or, if the {self.kind} is private, set HF_TOKEN in the environment"
            return f"no {self.kind} {self.hub!r} on the hub; {cure}", False
        if isinstance(error, errors.RevisionNotFoundError):
            return f"{self.hub} has no revision {what!r}; correct revision, see {page}/commits", False
        if isinstance(error, errors.RemoteEntryNotFoundError):
            return f"{self.hub} has no file {what!r}; correct files, see {page}/tree/main", False
        if isinstance(error, errors.HFValidationError):
            return f"{self.hub!r} is not a hub id; write owner/name", False
        if isinstance(error, errors.OfflineModeIsEnabled):
            return f"{self.hub} is needed from the hub, but HF_HUB_OFFLINE is set; unset it, or use path", False
        if status in (401, 403):
            return f"the hub refuses access to {self.hub} (status {status}); renew HF_TOKEN, or see {page}", False
        if status is not None:
            return f"the hub answers status {status} for {self.hub}; rerun later", status in (408, 429) or status >= 500
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            return (
                f"can't write to the hub's cache ({os.strerror(error.errno)}); "
                "free some space, or set HF_HOME to another folder",
                False,
            )
        return f"can't reach the hub for {self.hub} ({type(error).__name__}); check the network, then rerun", True


def checksum_of(file: Any) -> str:
    """The checksum that the hub lists for a file: a hash of its bytes for large files, git's blob hash for others."""
    return f"sha256:{file.lfs.sha256}" if file.lfs else f"git:{file.blob_id}"


def file_checksum(path: Path, like: str) -> str:
    """A file's checksum of the same kind as ``like``."""
    kind = like.partition(":")[0]
    digest = hashlib.new("sha1" if kind == "git" else kind)
    if kind == "git":
        digest.update(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return f"{kind}:{digest.hexdigest()}"
