"""Look for known vulnerabilities in the pinned packages, by PyPI or OSV: `make audit`. Installs nothing but pip-audit.

pip-audit passes over packages that its service doesn't know, and succeeds even if it knows none of them. Here, a
package that was not looked up is also a failure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ENVS = Path(__file__).parent
LOCKS = [ENVS / name for name in ("run.lock", "torch.in", "vllm.lock", "dev.lock", "audit.lock")]
HOME = ENVS.parent / ".audit"


def main() -> None:
    """Install pip-audit if it is missing, run it, and print its findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", choices=["pypi", "osv"], default="pypi", help="service to ask for vulnerabilities")
    parser.add_argument("--timeout", type=int, default=15, help="seconds to wait for an answer")
    flags = parser.parse_args()
    python = installed(LOCKS[-1])
    packages = [package for lock in LOCKS for package in looked_up(lock, python, flags.service, flags.timeout)]
    lines, problem = verdict(packages, flags.service)
    print("\n".join(lines))
    if problem:
        sys.exit(f"error: {problem}")


def installed(lock: Path) -> Path:
    """The Python of the folder .audit, with the packages of the lock installed."""
    stamp, python = HOME / "installed.lock", HOME / "bin" / "python"
    if not stamp.is_file() or stamp.read_bytes() != lock.read_bytes():
        venv.create(HOME, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-qq", "--no-deps"]
        done = subprocess.run([*pip, "--requirement", str(lock)], capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1][:200]
            sys.exit(f"error: {lock}: pip-audit can't be installed ({reason}); check the network, then rerun")
        stamp.write_bytes(lock.read_bytes())
    return python


def looked_up(lock: Path, python: Path, service: str, timeout: int) -> list[dict[str, Any]]:
    """pip-audit's findings for each package of a lock."""
    report = HOME / "report.json"
    report.unlink(missing_ok=True)
    command = [str(python), "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    command += ["--vulnerability-service", service, "--timeout", str(timeout)]
    command += ["--requirement", str(lock), "--format", "json", "--output", str(report)]
    done = subprocess.run(command, capture_output=True, text=True)
    if not report.is_file():
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1][:200]
        sys.exit(f"error: {service}: can't be queried for vulnerabilities ({reason}); check the network, then rerun")
    return json.loads(report.read_text(encoding="utf-8"))["dependencies"]


def verdict(packages: list[dict[str, Any]], service: str) -> tuple[list[str], str]:
    """The findings of pip-audit's JSON as lines, and the problem, "" if there is none."""
    known = [package for package in packages if "vulns" in package]
    unknown = sorted({package["name"] for package in packages if "vulns" not in package})
    lines = [
        f"{package['name']} {package['version']}: {found['id']}, "
        f"fixed in {', '.join(found['fix_versions']) or 'no version'}"
        for package in known
        for found in package["vulns"]
    ]
    lines = sorted(set(lines))
    vulnerable = len({line.partition(":")[0] for line in lines})
    lines.append(f"{len({package['name'] for package in known})} packages looked up, {vulnerable} with vulnerabilities")
    if not known:
        return (
            lines,
            f"{service}: has no answer for any of {len(unknown)} packages, so nothing was audited; check the network",
        )
    if unknown:
        return lines, f"{service}: doesn't know {', '.join(unknown)}; audit these by hand"
    return (
        lines,
        "vulnerable packages: raise their pins (docs/running/installation.md, A new pin)" if vulnerable else "",
    )


if __name__ == "__main__":
    main()
