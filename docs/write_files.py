"""Write files.md: a study's files, by the rules that make them, and the columns of its Parquet tables: `make docs`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pyarrow as pa

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from m1flow.files.contracts import CONTRACTS, NULLABLE  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "files.md"
INTRODUCTION = """\
# Files of a study

Everything lies under `results/<study>/`. Any of these files is a target of Snakemake ([commands](commands.md)). The
CSV files of `tables/` have [their own page](tables.md). `make docs` writes this page.

## By rule
"""
COLUMNS = """\
## Columns of the Parquet tables

These are the columns that readers rely on; a table may carry more. Its metadata say what made it.
"""
PATHS = {
    "questions": "`questions/<source>.parquet`, `benchmarks/<benchmark>.parquet`, `pool.parquet`",
    "pool_removed": "`pool_removed.parquet`",
    "leaked": "`leaked.parquet`",
    "attempts": "`attempts/<solver>.parquet`",
    "difficulty": "`difficulty.parquet`",
    "traces": "`traces/<teacher>.parquet`",
    "domains": "`domains.parquet`",
    "examples": "`examples/<teacher>/<tokenizer>/<format>.parquet`",
    "corpora": "`corpora/<base>.parquet`",
    "datasets": "`datasets/<dataset>.parquet`",
    "generations": "`generations/<model>/<benchmark>/<shard>.parquet`",
    "sweeps": "`sweeps/<model>/<benchmark>.parquet`",
    "judged": "`judged.parquet`",
}


def page(rules: Path) -> str:
    """The whole page, as Markdown.

    Args:
        rules: the folder of rule files; they come in the order in which the Snakefile beside it includes them.
    """
    snakefile = (rules.parent / "Snakefile").read_text(encoding="utf-8")
    stages = re.findall(r'^include: "rules/(\w+)\.smk"$', snakefile, re.MULTILINE)
    made = [row for name in stages for row in _made((rules / f"{name}.smk").read_text(encoding="utf-8"))]
    rows = "\n".join(["| rule | makes |", "|---|---|", *made, ""])
    return "\n".join([INTRODUCTION, rows, COLUMNS, *(_columns(name, schema) for name, schema in CONTRACTS.items())])


def _made(code: str) -> list[str]:
    """A row for each rule: the paths of its outputs."""
    rows = []
    for name, body in re.findall(r"^(?:rule|checkpoint) (\w+):\n(.+?)(?=^\S|\Z)", code, re.MULTILINE | re.DOTALL):
        output = re.search(r"^    output:\n(.+?)^    \w+:", body, re.MULTILINE | re.DOTALL)
        paths = re.findall(r'"<results>/([^"]+)"', output[1]) if output else []
        if paths:
            shown = (re.sub(r"\{+(\w+)\}+", r"<\1>", path).replace("<scatteritem>", "<shard>") for path in paths)
            rows.append(f"| `{name}` | {', '.join(f'`{path}`' for path in shown)} |")
    return rows


def _columns(name: str, schema: pa.Schema) -> str:
    rows = [
        f"| `{field.name}` | {_kind(field.type)}{', or empty' if field.name in NULLABLE else ''} |" for field in schema
    ]
    return "\n".join([f"### {name}\n", f"{PATHS[name]}\n", "| column | holds |", "|---|---|", *rows, ""])


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_list(type_):
        return f"a list: {_kind(type_.value_type)} each"
    return {"string": "text", "double": "a number", "bool": "true or false"}.get(str(type_), "a whole number")


if __name__ == "__main__":
    PAGE.write_text(page(ROOT / "rules"), encoding="utf-8")
