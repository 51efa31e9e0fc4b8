"""The documentation: the generated reference is current, links lead somewhere, and facts told twice agree."""

from __future__ import annotations

import ast
import copy
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import m1flow
from m1flow.study.seams.adapters import ADAPTERS
from m1flow.study.seams.figures import FIGURES
from m1flow.study.seams.scorers import SCORERS
from m1flow.traces.selection import RECIPES

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
# All but hidden folders, and results, where model cards lie.
FOLDERS = sorted(path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "." and path.name != "results")
PAGES = [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in sorted(folder.rglob("*.md")))]
PAGES += [ROOT / "results" / "README.md"]
SHELVES = ("guide", "running", "methods", "reference", "extending")
# What names pages without linking to them: messages, settings' descriptions, comments.
NAMES_PAGES = [ROOT / "Makefile", ROOT / "Snakefile", ROOT / ".snakemake-workflow-catalog.yml"]
NAMES_PAGES += [
    path
    for folder in ("benchmarks", "config", "containers", "docs", "envs", "profiles", "rules", "tests", "workflow")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".smk", ".yaml", ".json", ".sh", ".md"} or path.name == "Dockerfile"
]
PAPER = "2504.00869"


def writer(name: str) -> ModuleType:
    """A script that writes a page."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


write_config, write_tables = writer("write_config"), writer("write_tables")
write_files, write_commands = writer("write_files"), writer("write_commands")

SCHEMA = write_config.study_schema()


def prose(page: Path) -> str:
    """A page without its blocks of code, in which nothing is a link or a heading."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    return {write_config.anchor(heading) for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)}


def links(page: Path) -> list[str]:
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if "://" not in link]


def test_the_page_of_settings_is_current():
    assert write_config.page(SCHEMA) == write_config.PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_the_schema_for_editors_is_current():
    written = json.loads(write_config.SCHEMA.read_text(encoding="utf-8"))
    assert write_config.for_editors(SCHEMA) == written, "run `make docs`"


def test_the_list_of_tables_is_current():
    assert write_tables.page() == write_tables.PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_the_list_of_files_is_current():
    assert write_files.page(ROOT / "rules") == write_files.PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_every_rule_that_makes_files_is_in_their_list():
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    makers = re.findall(r"^(?:rule|checkpoint) (\w+):\n(?:    .*\n|\n)*?    output:", rules, re.MULTILINE)
    page = write_files.page(ROOT / "rules")
    assert len(makers) > 15 and [name for name in makers if f"| `{name}` |" not in page] == []


def test_the_list_of_commands_is_current():
    assert write_commands.page(ROOT) == write_commands.PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_the_page_of_settings_follows_the_schema():
    changed = copy.deepcopy(SCHEMA)
    engine = changed["$defs"]["EngineSettings"]["properties"]
    engine["warp"] = {
        "type": "integer",
        "minimum": 3,
        "default": 4,
        "description": "see docs/methods/sweep.md of results/<study>",
    }
    row = "| `warp` | whole number from 3 | `4` | see [sweep](../methods/sweep.md) of results/&lt;study> |"
    assert row in write_config.page(changed)
    del engine["warp"]["description"]
    with pytest.raises(ValueError, match=r"engine\.warp: no description"):
        write_config.page(changed)


def test_the_schema_offers_what_the_library_has():
    question_set = SCHEMA["$defs"]["QuestionSetSettings"]["properties"]
    dataset = SCHEMA["$defs"]["DatasetSettings"]["properties"]
    assert set(question_set["adapter"]["enum"]) == set(ADAPTERS.names())
    assert set(dataset["recipe"]["enum"]) == set(RECIPES)
    assert set(SCHEMA["properties"]["scorer"]["enum"]) == set(SCORERS.names())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_every_page_that_is_named_exists():
    named = [
        (str(file.relative_to(ROOT)), page)
        for file in NAMES_PAGES
        for page in re.findall(r"(?<![\w/.])docs/[\w/-]+\.md", file.read_text(encoding="utf-8"))
    ]
    assert len(named) > 20
    assert [(file, page) for file, page in named if not (ROOT / page).is_file()] == []


def test_the_index_names_every_page():
    named = {link.partition("#")[0] for link in links(DOCS / "README.md")}
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} - {"README.md"}
    assert pages <= named
    assert {page.split("/")[0] for page in pages} == set(SHELVES), "a page stands on a shelf"


def test_the_citation_names_the_paper_and_the_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "repository-code", "date-released"} <= set(citation)
    assert citation["version"] == m1flow.__version__
    [paper] = citation["references"]
    assert f"arXiv:{PAPER}" in [identifier["value"] for identifier in paper["identifiers"]]
    assert PAPER in (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith(f"{citation['license']} License")


def test_the_catalog_finds_what_it_asks_for():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))["usage"]
    assert usage["software-stack-deployment"]["conda"] is True
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    environments = set(re.findall(r'"\.\./(envs/[\w-]+\.yaml)"', rules))
    assert environments and all((ROOT / path).is_file() for path in environments)
    assert usage["report"] is True and "report(" in rules
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme and "workflow" in readme


def test_every_change_of_the_changelog_is_of_a_known_kind():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    kinds = re.findall(r"^### (.+)$", changelog, re.MULTILINE)
    assert "## [Unreleased]" in changelog
    assert kinds and set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def words_of_the_code() -> str:
    """All texts of the code, one a line, with ... for what is filled in; of Snakemake those with its own messages."""
    snakemake = Path(importlib.util.find_spec("snakemake").origin).parent
    files = [
        *(ROOT / "workflow").rglob("*.py"),
        *(ROOT / "envs").glob("*.py"),
        *(snakemake / "common").glob("configfile.py"),
        *(snakemake / "persistence").glob("__init__.py"),
    ]
    texts = []
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                texts.append("".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values))
    for file in (ROOT / "Makefile", ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")):
        texts.append(re.sub(r'"\s+f?"', "", file.read_text(encoding="utf-8")))
    return "\n".join(texts)


def messages() -> list[str]:
    text = (DOCS / "guide" / "troubleshooting.md").read_text(encoding="utf-8").partition("## No message")[0]
    return re.findall(r"^\| `([^`]+)` \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)


def test_the_messages_of_troubleshooting_are_the_code_s():
    words = words_of_the_code()
    parts = [part.strip() for message in messages() for part in message.split("...") if part.strip(" ();?{}")]
    assert len(parts) > 100
    assert [part for part in parts if part not in words] == []


def test_the_messages_of_troubleshooting_are_in_order():
    keys = [re.sub(r"[^a-z0-9 ]", "", message.lower().replace("...", " ")).split() for message in messages()]
    text = (DOCS / "guide" / "troubleshooting.md").read_text(encoding="utf-8").partition("## No message")[0]
    assert len(keys) == len(re.findall(r"^\| `", text, re.MULTILINE))
    assert keys == sorted(keys)


def test_the_guide_names_every_figure_and_every_table_for_papers():
    text = (DOCS / "guide" / "figures.md").read_text(encoding="utf-8")
    figures, tables = re.split(r"^## Tables$", text, flags=re.MULTILINE)
    on_the_page = re.findall(r"^\| `(\w+)` \|", figures, re.MULTILINE)
    assert sorted(on_the_page) == sorted(FIGURES.names())
    code = (ROOT / "workflow/scripts/m1flow/report/paper_tables.py").read_text(encoding="utf-8")
    for_papers = re.findall(r'PaperTable\(\n\s+"(\w+)"', code)
    assert re.findall(r"^\| `(\w+)` \| `tab:\1` \|", tables, re.MULTILINE) == for_papers
