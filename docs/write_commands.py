"""Write commands.md, the commands of make, Snakemake and the scripts, from their own descriptions: `make docs`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "commands.md"
INTRODUCTION = """\
# Commands and targets

The commands and targets of `make`, Snakemake and the scripts. `make docs` writes this page.
"""
TARGETS = """\
## Targets of Snakemake

A target is a name below, or any file of a study, which is then made with what it needs ([files](files.md)):

```sh
snakemake --cores all traces                                 # a name
snakemake --cores all results/demo/tables/accuracy.csv       # a file
```

Give the study's `--configfile` with each command, and `--` between its last file and the target. Without a target the
whole study is made.
"""
SCRIPTS = """\
## Scripts

The rules call them, and each runs without Snakemake as well. `python workflow/scripts/<name>.py --help` lists its
flags.
"""


def page(root: Path) -> str:
    """The whole page, as Markdown, from the files of a project."""
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    rules = "".join(path.read_text(encoding="utf-8") for path in [root / "Snakefile", *(root / "rules").glob("*.smk")])
    targets = re.search(r"^localrules:\n(.+?)\n\n", rules, re.MULTILINE | re.DOTALL)
    if targets is None:
        raise ValueError("Snakefile: no localrules; list the named targets there")
    said = dict(re.findall(r'^rule (\w+):\n    """(.+?)"""', rules, re.MULTILINE | re.DOTALL))
    names = re.findall(r"\w+", targets[1])
    scripts = sorted((root / "workflow" / "scripts").glob("*.py"))
    return "\n".join(
        [
            INTRODUCTION,
            "## Targets of make\n",
            _table("command", ((f"make {name}", text) for name, text in _commented(r"[a-z-]+:", makefile))),
            "Settings follow the command, as in `make run CONFIG=mine.yaml`:\n",
            _table("setting", ((name[:-2].strip(), text) for name, text in _commented(r"[A-Z]+ \?=", makefile))),
            TARGETS,
            _table("target", ((name, said[name]) for name in names)),
            SCRIPTS,
            _table("script", ((path.name, _about(path)) for path in scripts)),
        ]
    )


def _commented(name: str, makefile: str) -> list[tuple[str, str]]:
    """Names at the beginning of a line, and the comments that end it; pages that these name become links."""
    found = re.findall(rf"^({name}).*?#+ +(.+)$", makefile, re.MULTILINE)
    linked = (re.sub(r"docs/(\w+)/([\w-]+)\.md", r"[\2](../\1/\2.md)", text) for _, text in found)
    return [(name.removesuffix(":"), text) for (name, _), text in zip(found, linked, strict=True)]


def _about(script: Path) -> str:
    said = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split())


def _table(head: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| `{name}` | {' '.join(text.split())} |" for name, text in rows]
    return "\n".join([f"| {head} | |", "|---|---|", *lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page(ROOT), encoding="utf-8")
