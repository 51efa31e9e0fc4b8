"""The tiny model of engine_models.py behind vLLM's OpenAI-compatible server on this machine's loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from helpers.engine_models import CONTEXT, build_model

MODEL = "tiny"
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_START_SECONDS = 240


@contextlib.contextmanager
def served_model(folder: Path) -> Iterator[str]:
    """Build the model in ``folder``, serve it, and give the URL that ends in /v1; the server ends with the block."""
    build_model(folder / "model")
    (folder / "model" / "chat_template.jinja").write_text(_TEMPLATE, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder / "model")]
    command += ["--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"]
    command += ["--max-model-len", str(CONTEXT), "--block-size", "32", "--kv-cache-memory-bytes", str(256 << 20)]
    # A prompt in chunks under a sampling seed stops the engine on a CPU: see engines/backends/vllm.py.
    command += ["--no-enable-chunked-prefill", "--max-num-batched-tokens", "4096"]
    command += ["--enforce-eager", "--generation-config", "vllm", "--disable-uvicorn-access-log"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    environment |= {"VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "600"}  # on a machine that stalls, 5 s cut connections in use
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):  # the server's processes are one group
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_ready(url: str, server: subprocess.Popen, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        with contextlib.suppress(urllib.error.URLError, OSError), opener.open(url, timeout=5):
            return
        time.sleep(0.3)
    raise RuntimeError(f"vLLM's server didn't start:\n{log.read_text(errors='replace')[-4000:]}")
