"""Write tables.md, the list of a study's tables and their columns, from what their modules declare: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from m1flow.analysis.registry import declared, needs  # noqa: E402
from m1flow.study.seams.tables import TABLES  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "tables.md"
INTRODUCTION = """\
# Tables and their columns

The CSV files of `results/<study>/tables/`: what each is made from, and what its columns hold.
`python workflow/scripts/make_table.py --help` says what the inputs are. The folder `paper/` has the main numbers as
papers print them. What the numbers mean, and when not to trust them, is in [statistics](../methods/statistics.md) and
[policies](../methods/policies.md). How to add one: [extending](../extending/table.md). `make docs` writes this page.
"""


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([INTRODUCTION, *map(_section, TABLES.names())])


def _section(name: str) -> str:
    table = declared(name)
    rows = [f"| `{column}` | {kind.value} |" for column, kind in table.columns.items()]
    made_from = ", ".join(
        f"[{need}.csv](#{need}csv)" if need in TABLES.names() else f"`{need}`" for need in needs(name)
    )
    head = [f"## {name}.csv", "", f"{table.title}. Made from {made_from}.", "", "| column | holds |", "|---|---|"]
    return "\n".join([*head, *rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
