"""The journal file: append-only records by key, which survive kills and are shared between processes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from m1flow.errors import M1FlowError

logger = logging.getLogger(__name__)

_HEAD = b'{"key":"'
_CHECK = b',"check":"%08x"}'
_CHECK_LENGTH = len(_CHECK % 0)
_SYNC_SECONDS = 1.0


class Journal:
    """An append-only file of records by key, safe to share between processes and threads.

    The index holds one file offset per key, so memory grows with the number of records and not with their length. If a
    key is appended again, its newest record counts. Lines that are torn or corrupt are skipped and counted in
    ``skipped``.
    """

    def __init__(self, path: Path | str) -> None:
        """Open ``path``, creating it and its folders if they don't exist, and index what it holds.

        Raises:
            M1FlowError: the path can't be opened for appending.
        """
        self.path = Path(path)
        self.skipped = 0
        self._index: dict[str, int] = {}
        self._scanned = 0
        self._synced = time.monotonic()
        self._mutex = threading.RLock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise M1FlowError(
                f"{self.path}: the journal can't be opened ({os.strerror(error.errno or 0)}); "
                "make the path writable, then rerun"
            ) from None
        self._reader = os.fdopen(os.dup(self._handle), "rb")
        with self._locked():
            if repair := self._missing_newline():
                os.write(self._handle, repair)
            self._scan()
        if self.skipped:
            logger.warning(
                "%s: %d torn or corrupt lines ignored, %d records kept", path, self.skipped, len(self._index)
            )

    def __contains__(self, key: str) -> bool:
        """Whether the journal has a record, appended by this process or another."""
        with self._mutex:
            if key not in self._index:
                self._scan()
            return key in self._index

    def __len__(self) -> int:
        """The number of keys."""
        with self._mutex:
            self._scan()
            return len(self._index)

    def keys(self) -> list[str]:
        """Every key, in the order of first appearance."""
        with self._mutex:
            self._scan()
            return list(self._index)

    def get(self, key: str) -> Any | None:
        """The newest record under ``key``, or None."""
        with self._mutex:
            self._scan()
            offset = self._index.get(key)
            if offset is None:
                return None
            self._reader.seek(offset)
            return json.loads(self._reader.readline())["record"]

    def append(self, key: str, record: Any) -> None:
        """Add a record, which survives a kill once this returns, and a crash of the machine once it is flushed to disk.

        The journal is flushed on `close`, and on an append if the last flush is over a second ago.

        Args:
            key: plain ASCII without quotes or backslashes, such as `fingerprints.fingerprint` returns.
            record: any JSON-like value.
        """
        if not key.isascii() or not key.isprintable() or '"' in key or "\\" in key:
            raise ValueError(f"journal key {key!r} must be printable ASCII without quotes and backslashes")
        body = json.dumps({"key": key, "record": record}, separators=(",", ":")).encode()[:-1]
        line = body + _CHECK % zlib.crc32(body) + b"\n"
        with self._mutex, self._locked():
            line = self._missing_newline() + line
            written = os.write(self._handle, line)
            while written < len(line):  # a disk that is nearly full takes a part; the next call raises
                written += os.write(self._handle, line[written:])
            self._scan()
            if time.monotonic() - self._synced >= _SYNC_SECONDS:
                self._sync()

    def close(self) -> None:
        """Flush to the disk and close the file; closing twice is harmless."""
        with self._mutex:
            if self._reader.closed:
                return
            self._sync()
            self._reader.close()
            os.close(self._handle)

    def __enter__(self) -> Self:
        """Return self, which the end of the ``with`` block closes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        try:
            yield
        except OSError as error:  # a full disk: os.write doesn't name the file
            raise OSError(error.errno, os.strerror(error.errno or 0), str(self.path)) from error
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def _missing_newline(self) -> bytes:
        """The newline that ends a torn line of another process, so that the next record starts on its own line."""
        size = os.fstat(self._handle).st_size
        return b"" if size == 0 or os.pread(self._handle, 1, size - 1) == b"\n" else b"\n"

    def _scan(self) -> None:
        """Index the whole lines appended since the last look, by any process."""
        if os.fstat(self._handle).st_size <= self._scanned:
            return
        self._reader.seek(self._scanned)
        for line in self._reader:
            if not line.endswith(b"\n"):  # another process is in the middle of it, or died there: look again later
                return
            key = _key_of(line)
            if key is not None:
                self._index[key] = self._scanned
            elif line.strip():
                self.skipped += 1
            self._scanned += len(line)

    def _sync(self) -> None:
        os.fsync(self._handle)
        self._synced = time.monotonic()


def _key_of(line: bytes) -> str | None:
    """The key of a whole line; None if the line is torn or corrupt."""
    text = line.rstrip(b"\r\n")
    body, check = text[:-_CHECK_LENGTH], text[-_CHECK_LENGTH:]
    if not body.startswith(_HEAD) or check != _CHECK % zlib.crc32(body):
        return None
    return body[len(_HEAD) : body.index(b'"', len(_HEAD))].decode("ascii")
