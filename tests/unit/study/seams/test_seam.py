"""Seams: names come from folders, an entry is imported when it is used, and only users stand on its code."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest

from m1flow.errors import M1FlowError
from m1flow.study.code_files import code_files
from m1flow.study.seams.adapters import ADAPTERS, AdapterDeclaration
from m1flow.study.seams.chats import CHATS
from m1flow.study.seams.engines import AUTOMATIC, ENGINES, EngineAbilities
from m1flow.study.seams.methods import METHODS, MethodAbilities
from m1flow.study.seams.scorers import SCORERS
from m1flow.study.settings.problems import Rejected, read
from m1flow.study.settings.section import Section

SCRIPTS = Path(__file__).parents[4] / "workflow" / "scripts"
SEAMS = {seam.kind: seam for seam in (ADAPTERS, CHATS, ENGINES, METHODS, SCORERS)}
HEAVY = "torch transformers vllm trl peft datasets pandas numpy pyarrow scipy httpx huggingface_hub".split()


class Named(Section):
    """A setting that names an engine."""

    engine: Annotated[str, ENGINES]


def closure(script, *entries) -> set[str]:
    return {str(file.relative_to(SCRIPTS)) for file in code_files(SCRIPTS / script, entries)}


@pytest.mark.parametrize("seam", SEAMS.values(), ids=SEAMS)
def test_names_are_those_of_the_files(seam):
    folder = SCRIPTS / seam.package.replace(".", "/")
    assert list(seam.names()) == sorted(file.stem for file in folder.glob("*.py") if file.stem != "__init__")
    assert seam.names() and all(seam.file(name) == folder / f"{name}.py" for name in seam.names())


@pytest.mark.parametrize("seam", SEAMS.values(), ids=SEAMS)
def test_a_file_more_is_an_entry_more(seam, tmp_path, monkeypatch):
    package = importlib.import_module(seam.package)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    (tmp_path / "added.py").write_text(f"{seam.kind.upper()} = 'it'\n")
    assert "added" in seam.names() and seam.file("added") == tmp_path / "added.py"
    assert seam.load("added", str) == "it"
    sys.modules.pop(f"{seam.package}.added")
    (tmp_path / "added.py").write_text("entry = 1\n")
    with pytest.raises(
        M1FlowError, match=f"added.py: {seam.kind.upper()}: missing, or not of type str; define it in this file"
    ):
        seam.load("added", str)
    sys.modules.pop(f"{seam.package}.added")


@pytest.mark.parametrize("name", ["vlm", "../vllm", "vllm.x", "", "__init__x"])
def test_a_name_that_there_is_not_is_one_line_with_those_there_are(name):
    with pytest.raises(M1FlowError) as raised:
        ENGINES.load(name, object)
    assert str(raised.value).startswith("engine: must be one of auto, transformers, vllm, not ")
    assert ('did you mean "vllm"?' in str(raised.value)) == ("vl" in name)


def test_a_setting_takes_the_names_and_what_stands_for_one():
    assert read(Named, {"engine": "vllm"}).engine == "vllm" and read(Named, {"engine": "auto"}).engine == "auto"
    with pytest.raises(Rejected, match='must be one of auto, transformers, vllm, not "vlm"; did you mean "vllm"'):
        read(Named, {"engine": "vlm"})
    with pytest.raises(Rejected, match="engine: must be a text, not 3"):
        read(Named, {"engine": 3})
    assert Named.model_json_schema()["properties"]["engine"]["enum"] == ["auto", "transformers", "vllm"]


def test_declarations_are_read_without_what_is_heavy():
    """Wherever a study is checked, by Snakemake for every job among others."""
    program = f"""
import sys
from m1flow.study.seams import adapters, engines, methods, scorers
for seam in (adapters.ADAPTERS, engines.ENGINES, methods.METHODS, scorers.SCORERS):
    for name in seam.names():
        seam.load(name, object)
print(*(set({HEAVY}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_entry_declares_what_checks_read():
    for name in ADAPTERS.names():
        declared = ADAPTERS.load(name, AdapterDeclaration)
        assert {*declared.needs} <= {*declared.takes} and all(ending.startswith(".") for ending in declared.reads)
    assert {*AUTOMATIC} <= {*ENGINES.names()}
    assert all(ENGINES.load(name, EngineAbilities) for name in ENGINES.names())
    assert all(METHODS.load(name, MethodAbilities) for name in METHODS.names())


def test_no_script_stands_on_an_entry_that_it_loads_by_name():
    entries = {file for seam in SEAMS.values() for file in (seam.file(name) for name in seam.names())}
    scripts = [path for path in SCRIPTS.glob("*.py")]
    assert len(scripts) > 20
    for script in scripts:
        assert not entries & set(code_files(script)), script.name


def test_what_an_entry_imports_comes_with_it_and_with_no_other():
    assert {"m1flow/engines/backends/vllm.py"} == closure("generate.py", ENGINES.file("vllm")) - closure("generate.py")
    more = closure("generate.py", ENGINES.file("transformers")) - closure("generate.py")
    assert more == {"m1flow/engines/backends/transformers.py", "m1flow/engines/batch.py"}
    assert "m1flow/training/loop.py" in closure("fine_tune.py", METHODS.file("sft")) - closure("fine_tune.py")
    more = closure("score.py", SCORERS.file("m1")) - closure("score.py")
    assert "m1flow/answers/scorers/m1.py" in more and not {file for file in more if "strict" in file}
    assert "m1flow/answers/strict.py" in closure("score.py", SCORERS.file("strict")) - closure("score.py")


@pytest.mark.parametrize("script", ["attempt.py", "teach.py", "assign_domains.py", "judge_answers.py"])
def test_the_client_of_endpoints_is_code_of_those_who_ask_one(script):
    local, far = closure(script, CHATS.file("local")), closure(script, CHATS.file("endpoint"))
    assert not [file for file in local if file.startswith("m1flow/endpoints/")]
    assert "m1flow/endpoints/http.py" in far and "m1flow/engines/opening.py" not in far
    asks_nobody = closure(script)
    assert not [file for file in asks_nobody if file.startswith(("m1flow/endpoints/", "m1flow/engines/opening"))]
