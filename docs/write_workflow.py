"""Write workflow.md: the picture of the demo study's rules, and what each file of rules does: `make docs`.

The picture is Snakemake's own rule graph, in Mermaid, which GitHub and most editors draw; what a rule does is its
docstring.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import networkx as nx

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "workflow.md"
RULE_GRAPH = ("--rulegraph", "--forceall")
# Where a file of rules is explained, if not in the page of its name in docs/methods.
PAGES = {
    "downloads": ["reference/sources"],
    "questions": ["reference/sources"],
    "pool": ["methods/data"],
    "leaks": ["methods/data"],
    "bases": ["methods/training"],
    "attempts": ["methods/traces"],
    "datasets": ["methods/traces"],
    "students": ["methods/training"],
    "sweeps": ["methods/sweep"],
    "tables": ["reference/tables", "methods/statistics", "methods/policies", "methods/published"],
    "report": ["methods/statistics"],
}
INTRODUCTION = """\
# How a study flows

The rules of the demo study, `snakemake --rulegraph`. An arrow means that a rule reads what another makes. Arrows that
follow from others are left out: the report, for one, also reads the pool. Rules that the demo has no use for, such as
`download`, are in the list below. This page is written by `make docs`.
"""


def page(rule_graph: str, rules: Path) -> str:
    """The whole page, as Markdown.

    Args:
        rule_graph: what `snakemake --rulegraph` prints, in the dot language.
        rules: the folder of rule files; they come in the order in which the Snakefile beside it includes them.
    """
    snakefile = (rules.parent / "Snakefile").read_text(encoding="utf-8")
    stages = re.findall(r'^include: "rules/(\w+)\.smk"$', snakefile, re.MULTILINE)
    sections = (_stage(name, (rules / f"{name}.smk").read_text(encoding="utf-8")) for name in stages)
    return "\n".join([INTRODUCTION, _picture(rule_graph), *filter(None, sections)])


def _picture(rule_graph: str) -> str:
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', rule_graph))
    arrows = ((names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", rule_graph))
    # Some tables are made from others, by the same rule.
    graph = nx.DiGraph((a, b) for a, b in arrows if a != b)
    graph.remove_nodes_from(["all"])
    arrows = sorted(nx.transitive_reduction(graph).edges)
    return "\n".join(["```mermaid", "flowchart TD", *(f"    {a} --> {b}" for a, b in arrows), "```", ""])


def _stage(name: str, code: str) -> str:
    """What a file's rules take and give, and where more is said; nothing for a file without rules."""
    rules = re.findall(r'^(?:rule|checkpoint) (\w+):\n    """(.+?)"""', code, re.MULTILINE | re.DOTALL)
    if not rules:
        return ""
    explained = ", ".join(f"[{Path(page).name}.md](../{page}.md)" for page in PAGES.get(name, [f"methods/{name}"]))
    more = f"Code: [rules/{name}.smk](../../rules/{name}.smk). More: {explained}."
    return "\n".join([f"## {name}\n", *(f"- `{rule}`: {said}" for rule, said in rules), f"\n{more}\n"])


def main() -> None:
    """Ask Snakemake for the rule graph, and write the page."""
    command = [sys.executable, "-m", "snakemake", *RULE_GRAPH]
    done = subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    PAGE.write_text(page(done.stdout, ROOT / "rules"), encoding="utf-8")


if __name__ == "__main__":
    main()
