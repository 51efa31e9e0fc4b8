"""What the code never does: run a model's own code, unpickle, build commands or code out of data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = sorted(
    path
    for folder in ("workflow", "benchmarks", "docs", "envs", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)
SHIPPED = [path for path in SOURCES if path.relative_to(ROOT).parts[0] != "tests"]
RULES = sorted((ROOT / "rules").glob("*.smk"))
(MODEL_FLAGS,) = re.findall(
    r"^MODEL_FLAGS = \($(.*?)^\)$",
    (ROOT / "rules" / "model_jobs.smk").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)

FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "pty.spawn"),
    *("pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "yaml.Loader", "yaml.UnsafeLoader"),
    *("pd.read_pickle", "pandas.read_pickle", "to_pickle", "xml.etree", "tempfile.mktemp"),
}
"""Names that run or build what they are given; a module's name stands for all in it."""
LOADERS = re.compile(r"(Auto|PreTrained)\w*\.from_pretrained$|^Loader\.from_pretrained$")


def id_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def name_of(node: ast.AST) -> str:
    """A dotted name as it is written; "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{name_of(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def calls(path: Path) -> Iterator[tuple[str, dict[str, ast.expr], int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield name_of(node.func), {word.arg: word.value for word in node.keywords if word.arg}, node.lineno


def constant(value: ast.expr | None) -> object:
    return value.value if isinstance(value, ast.Constant) else value


@pytest.mark.parametrize("path", SOURCES, ids=id_of)
def test_no_code_of_a_models_own_and_no_pickled_weights(path):
    for name, words, line in calls(path):
        assert constant(words.get("trust_remote_code", ast.Constant(False))) is False, line
        assert constant(words.get("use_safetensors", ast.Constant(True))) is True, line
        assert constant(words.get("allow_pickle", ast.Constant(False))) is False, line
        if name.endswith("torch.load"):
            assert constant(words.get("weights_only")) is True, line


@pytest.mark.parametrize("path", SHIPPED, ids=id_of)
def test_models_are_loaded_without_their_code_in_so_many_words(path):
    """Left out, transformers would ask at a terminal whether to run it."""
    for name, words, line in calls(path):
        if LOADERS.search(name):
            assert constant(words.get("trust_remote_code")) is False, line


def test_vllm_is_told_to_run_no_code_and_to_read_safetensors():
    from m1flow.engines.backends import vllm

    text = Path(vllm.__file__).read_text(encoding="utf-8")
    (given,) = [
        {constant(key): constant(value) for key, value in zip(node.keys, node.values, strict=True)}
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Dict) and "max_model_len" in map(constant, node.keys)
    ]
    assert given["trust_remote_code"] is False and given["load_format"] == "safetensors"


@pytest.mark.parametrize("path", SHIPPED, ids=id_of)
def test_nothing_runs_what_it_is_given(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not FORBIDDEN & set(names), node.lineno
    for name, words, line in calls(path):
        assert name not in FORBIDDEN and name.split(".")[0] not in FORBIDDEN, (name, line)
        assert name.rpartition(".")[2] not in {"read_pickle", "to_pickle", "load_dataset"}, (name, line)
        assert constant(words.get("shell", ast.Constant(False))) is False, (name, line)


@pytest.mark.parametrize("path", SHIPPED, ids=id_of)
def test_yaml_is_read_by_safe_loaders(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and name_of(node).startswith("yaml.") and "oader" in node.attr:
            assert node.attr in ("SafeLoader", "CSafeLoader"), node.lineno


@pytest.mark.parametrize("path", RULES, ids=id_of)
def test_rules_quote_what_a_config_may_say(path):
    """Unquoted in a command: names that the schema keeps plain, numbers, and what is made of these."""
    named = "curves domains downloads journal key kind scorer seed serving"  # `serving` and `key` quote within
    plain = rf"wildcards\.\w+|output(\.\w+)?|log|threads|resources\.\w+|input\.\w+|params\.({named.replace(' ', '|')})"
    text = path.read_text(encoding="utf-8").replace("{MODEL_FLAGS}", MODEL_FLAGS)
    commands = re.findall(r"^    shell:\n((?:        .*\n)+)", text, re.MULTILINE)
    assert text.count("\n    shell:") == len(commands)
    for command in commands:
        for field in re.findall(r"\{([^{}]+)\}", command):
            assert field.endswith(":q") or re.fullmatch(plain, field), field
    # JSON and texts of the config come through as_flag and setting: always quoted.
    for name in re.findall(r"^        (\w+)=(?:.*(?:as_flag|prompts_for|format_named|setting)\()", text, re.M):
        assert f"{{params.{name}}}" not in text, f"params.{name} has to be quoted"
    # So are files that a config names; all others are the study's own, of plain names.
    own = r"value\(.*\"(?:path|vocabulary)\"|id_lists\(|recordings_of\(|STUDY\.published|HAND_LABELS|lock_path\("
    for name in re.findall(rf"^        (\w+)=.*(?:{own})", text, re.M):
        assert f".{name}}}" not in text, f"{name} has to be quoted"


def test_every_rule_that_may_ask_an_endpoint_gets_its_key_and_no_other():
    for path in RULES:
        for rule in re.split(r"^(?=rule |use rule )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            asks = re.search(r'\*\*model_params\((?!"models")', rule)  # what is swept runs in the job itself
            assert bool(asks) == ('"{params.key}python ' in rule), f"{path.name}: {rule.splitlines()[0]}"
