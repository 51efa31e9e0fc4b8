"""Install locks into the environment of the Python that runs this, with uv, under the settings that pip has there.

    python envs/install.py run vllm dev

uv reads no settings of pip. Here those that pip's files and variables make (indexes, folders of wheels, certificates,
constraints and so on) are handed to uv; where a variable of uv is set, that one counts.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ENVS = Path(__file__).parent
UV = "uv==0.13.9"
VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "constraint": "UV_CONSTRAINT",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}
"""The variable of uv, for each setting of pip that has one."""


def main() -> None:
    """Install uv, each lock that is named, and torch with the libraries that its build needs.

    Raises:
        SystemExit: an installation failed; what failed has said why.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    _run([*pip, "install", "-qq", UV])
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True).stdout
    environment = from_pip(listed) | os.environ
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    locks = [word for name in sys.argv[1:] for word in ("--requirement", str(ENVS / f"{name}.lock"))]
    _run([*install, "--no-deps", *locks], environment)
    _run([*install, "--requirement", str(ENVS / "torch.in")], environment)


def from_pip(listed: str) -> dict[str, str]:
    """Variables of uv that say what pip's settings say, as `pip config list` prints them."""
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # as pip does, look for each package in every index
    # Commands' own settings count before global ones, and variables before files.
    for line in sorted(
        listed.splitlines(), key=lambda line: (line.startswith(":env:"), not line.startswith("global."))
    ):
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if name in VARIABLES and section in ("global", "install", ":env:"):
            found[VARIABLES[name]] = " ".join(str(ast.literal_eval(value)).split())
    return found


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    if subprocess.run(command, env=environment).returncode:
        raise SystemExit(
            f"error: python {' '.join(command[1:4])} ... failed, see above; check the network and the index, then rerun"
        )


if __name__ == "__main__":
    main()
