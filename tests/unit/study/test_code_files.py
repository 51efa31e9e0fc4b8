"""Code files: a script stands on what it imports, and on what its entries import."""

from __future__ import annotations

from m1flow.study.code_files import code_files


def test_imports_in_functions_and_for_type_checkers_count(tmp_path):
    library = tmp_path / "m1flow"
    library.mkdir()
    for name, text in {
        "a": "import m1flow.b\nimport os\n",
        "b": "def f():\n    from m1flow import c\n",
        "c": "try:\n  pass\nexcept E:\n  match x:\n   case 1:\n    if X:\n     from m1flow.d import D\n",
        "d": "import importlib\nimportlib.import_module('m1flow.e')\n",
        "e": "from m1flow import a\n",
    }.items():
        (library / f"{name}.py").write_text(text)
    (tmp_path / "script.py").write_text("from m1flow.a import x\n")
    assert [file.stem for file in code_files(tmp_path / "script.py")] == ["a", "b", "c", "d", "script"]
    assert library / "e.py" in code_files(tmp_path / "script.py", [library / "e.py"])
