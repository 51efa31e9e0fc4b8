"""A student is pushed when asked for, whole and privately; what can go wrong ends in one line."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from helpers.project import ROOT
from helpers.training_models import make_base, write_corpus

PUBLIC = "https://huggingface.co"
SCRIPT = ROOT / "workflow" / "scripts" / "push_student.py"


class Hub(BaseHTTPRequestHandler):
    """The few requests that huggingface_hub makes to push small files."""

    allowed = True
    created: list[dict] = []
    files: dict[str, bytes] = {}

    def do_GET(self):
        self.answer({"siblings": [], "sha": "0" * 40, "id": "lab/student"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.allowed:
            self.answer({"error": "You don't have the rights"}, 403)
        elif self.path.startswith("/api/repos/create"):
            self.created.append(json.loads(body))
            self.answer({"url": f"{PUBLIC}/lab/student", "name": "lab/student", "id": "1"})
        elif "/preupload/" in self.path:
            named = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self.answer({"files": named})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self.answer({"success": True, "commitOid": "c" * 40, "commitUrl": f"{PUBLIC}/lab/student/commit/c"})
        else:
            self.answer({"type": "model"})

    def answer(self, value: dict, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def hub():
    Hub.allowed, Hub.created, Hub.files = True, [], {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pushing")
    return make_base(write_corpus(folder / "corpus.parquet"), folder / "student", steps=1)


def push(model, out, **variables) -> subprocess.CompletedProcess:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    return subprocess.run(
        [sys.executable, SCRIPT, "--model", model, "--to", "lab/student", "--out", out],
        env=kept | {"HF_HOME": str(out.parent / "home"), "HF_HUB_OFFLINE": "0"} | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_file_of_a_student_is_pushed_to_a_private_repository(hub, model, tmp_path):
    done = push(model, tmp_path / "pushed.json", HF_ENDPOINT=hub, HF_TOKEN="hf_secret")
    assert done.returncode == 0, done.stderr
    assert Hub.created[0].get("private") or Hub.created[0].get("visibility") == "private"
    assert Hub.files.keys() >= {"config.json", "model.safetensors", "tokenizer.json", "README.md", "m1flow/loss.csv"}
    assert Hub.files["model.safetensors"] == (model / "model.safetensors").read_bytes()
    assert json.loads((tmp_path / "pushed.json").read_text()) == {"repository": "lab/student", "commit": "c" * 40}
    assert "hf_secret" not in done.stderr + (tmp_path / "pushed.json").read_text()


@pytest.mark.parametrize(
    ("variables", "allowed", "said"),
    [
        ({}, True, "no token for the hub; set HF_TOKEN"),
        ({"HF_TOKEN": "hf_secret"}, False, "check the repository's name, the token's rights"),
        ({"HF_TOKEN": "hf_secret", "HF_HUB_OFFLINE": "1"}, True, "check the repository's name, the token's rights"),
    ],
    ids=["no token", "no right", "offline"],
)
def test_what_hinders_a_push_is_said_in_one_line(hub, model, tmp_path, variables, allowed, said):
    Hub.allowed = allowed
    done = push(model, tmp_path / "pushed.json", HF_ENDPOINT=hub, **variables)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: students: push_to_hub: lab/student: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr and "hf_secret" not in done.stderr
    assert not (tmp_path / "pushed.json").exists()
