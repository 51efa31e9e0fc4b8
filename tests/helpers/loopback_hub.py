"""A hub on 127.0.0.1: the few requests that huggingface_hub makes to read a repository, and the ways they go wrong."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = 2000
"""Files of this size and more are listed with the hash of their bytes, as large files on the hub are."""


class LoopbackHub:
    """Repositories by key ("datasets/owner/name"), each a history of commits; the last is its main branch.

    Attributes:
        faults: what goes wrong, by a part of the request's path: a list, used up one request at a time, of
            a status (500, 401, ...), "gated", "cut" (half the body, then the connection ends), "wrong" (other bytes).
        requests: method, path, the Range asked for, and whether a token came along.
    """

    def __init__(self):
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.faults: dict[str, list] = {}
        self.requests: list[tuple[str, str, str | None, bool]] = []
        self.token: str | None = None
        self.address = ""

    def commit(self, key: str, files: dict[str, bytes | str]) -> str:
        """Make these files the main branch's; returns the commit."""
        content = {name: data.encode() if isinstance(data, str) else data for name, data in files.items()}
        history = self.repositories.setdefault(key, {})
        listed = "".join(f"{name}{hashlib.sha1(data).hexdigest()}" for name, data in sorted(content.items()))
        commit = hashlib.sha1(f"{len(history)}{listed}".encode()).hexdigest()
        history[commit] = content
        return commit

    def resolve(self, key: str, revision: str) -> str | None:
        """The commit that a revision stands for."""
        history = self.repositories[key]
        if revision == "main":
            return next(reversed(history))
        return self.tags.get((key, revision)) or (revision if revision in history else None)

    def fault(self, path: str):
        """The fault that this request meets."""
        for part, waiting in self.faults.items():
            if part in path and waiting:
                return waiting.pop(0)
        return None


def listing(files: dict[str, bytes]) -> list[dict]:
    """A commit's files as the hub's tree lists them."""
    entries = []
    for path, data in files.items():
        blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
        entry = {"type": "file", "path": path, "size": len(data), "oid": blob}
        if len(data) >= LARGE:
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        entries.append(entry)
    return entries


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LoopbackHub

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        path = unquote(urlsplit(self.path).path)
        token = self.headers.get("authorization")
        self.hub.requests.append((self.command, path, self.headers.get("range"), token is not None))
        fault = self.hub.fault(path)
        gated = self.hub.token is not None and token != f"Bearer {self.hub.token}"
        if fault == "gated" or gated:
            return self.refuse(401 if token is None else 403, "GatedRepo")
        if isinstance(fault, int):
            return self.refuse(fault)
        key = next((key for key in self.hub.repositories if f"{key.removeprefix('models/')}/" in f"{path}/"), None)
        if key is None:
            return self.refuse(401, "RepoNotFound" if token else None)
        asked = path.split(f"{key.removeprefix('models/')}", 1)[1].strip("/").split("/", 2)
        action, revision, file = (*asked, "", "", "")[:3]
        commit = self.hub.resolve(key, revision or "main")
        if commit is None:
            return self.refuse(404, "RevisionNotFound")
        files = self.hub.repositories[key][commit]
        if action == "resolve":
            return self.send_file(commit, files, file, fault) if file in files else self.refuse(404, "EntryNotFound")
        content = listing(files) if action == "tree" else {"id": key.split("/", 1)[1], "sha": commit}
        return self.send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def send_file(self, commit: str, files: dict[str, bytes], name: str, fault: str | None):
        [entry] = [entry for entry in listing(files) if entry["path"] == name]
        data, start = files[name], 0
        etag = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if asked := self.headers.get("range"):
            start = int(asked.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body = data[start:]
        if fault == "wrong":
            body = bytes(byte ^ 1 for byte in body)
        self.send(206 if start else 200, body, headers, cut=fault == "cut" and self.command == "GET")

    def refuse(self, status: int, code: str | None = None):
        self.send(status, b"", {"X-Error-Code": code} if code else {})

    def send(self, status: int, body: bytes, headers: dict[str, str], cut: bool = False):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def serve() -> Iterator[LoopbackHub]:
    """A hub that answers until the block ends."""
    hub = LoopbackHub()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hub": hub})) as server:
        hub.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield hub
        finally:
            server.shutdown()
