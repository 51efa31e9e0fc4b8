"""Change the library in one small place at a time, and see whether the module's own tests notice.

    python tests/mutations.py --number 200 --seed 0 --processes 2 > survivors.txt
    python tests/mutations.py --again survivors.txt

A mutation replaces a comparison, an operator or a constant, or drops a ``not``. Mutations are drawn with a seed, evenly
over the rooms of the library. Each is made in a copy of the project, where the module's own test file runs. Prints one
line for every mutation that survives, and the share found by room. Mutations that change nothing that anyone could see
are listed in EQUIVALENT with the reason, and not drawn.
"""

from __future__ import annotations

import argparse
import ast
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY, TESTS = Path("workflow/scripts/m1flow"), Path("tests/unit")
SECONDS = 300
"""How long a test file may take; a mutation that makes it hang is found."""

TOGETHER = {"report/figures": "report/test_figures.py", "report/sections": "report/test_page_sections.py"}
"""Folders whose modules are tested by one file."""

AS_WELL = {"study/settings": "project/test_documentation.py", "engines/backends": "project/test_security_code.py"}
"""Folders whose modules are tested by another file as well: of the settings' defaults, and of how models are loaded."""

STYLE = {"order", "grid", "opacity", "fillOpacity", "strokeWidth", "strokeDash", "padding", "tickCount", "size"}
"""Arguments in the room ``report`` that decide how the page and its charts look, which no test checks."""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "report/pool_section",
        "return f\"{abs(self.difference):,} too {'many' if self.difference > 0 else 'few'}\"",
        "self.difference > 0 -> self.difference >= 0",
    ): "a difference of 0 has returned before",
    (
        "answers/scorers/strict",
        "SCORER = Scorer(version=1, reads_right_option=False, read=read)",
        "1 -> 2",
    ): "any other version is as good",
    (
        "questions/formulary",
        'misses = misses + 1 if question["stem"] in by_stem else 0',
        "1 -> 2",
    ): "how long to look for a new question before giving up",
}
"""Mutations that nothing could notice, by module, line of code and change, with the reason."""

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Mutation:
    """One change: the module (room/name), its line, and the code there before and after.

    ``node`` counts the nodes of the module's syntax tree, as `ast.walk` gives them, and ``change`` its changes.
    """

    module: str
    line: int
    before: str
    after: str
    node: int
    change: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.before} -> {self.after}"


def mutations(module: str) -> list[Mutation]:
    """All mutations of a module."""
    text = _text(module)
    tree, lines = ast.parse(text), text.splitlines()
    hidden = _unobservable(tree, module.startswith("report/"))
    found = []
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in hidden:
            continue
        for change, values in enumerate(_changes(node)):
            changed = copy(node)
            changed.__dict__.update(values)
            before, after = ast.unparse(node), ast.unparse(changed)
            if (module, lines[node.lineno - 1].strip(), f"{before} -> {after}") not in EQUIVALENT:
                found.append(Mutation(module, node.lineno, before, after, number, change))
    return found


def mutated(mutation: Mutation) -> str:
    """The module's text with the mutation."""
    tree = ast.parse(_text(mutation.module))
    node = next(node for number, node in enumerate(ast.walk(tree)) if number == mutation.node)
    node.__dict__.update(list(_changes(node))[mutation.change])
    return ast.unparse(tree)


def _text(module: str) -> str:
    return (ROOT / LIBRARY / f"{module}.py").read_text(encoding="utf-8")


def _changes(node: ast.AST) -> Iterator[dict]:
    """What each mutation of a node sets on it."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            yield {"ops": [*node.ops[:place], COMPARISONS[type(operator)](), *node.ops[place + 1 :]]}
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield {"op": OPERATORS[type(node.op)]()}
    elif isinstance(node, ast.BoolOp):
        yield {"op": ast.Or() if isinstance(node.op, ast.And) else ast.And()}
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield {"operand": ast.UnaryOp(ast.Not(), node.operand)}
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield {"value": not node.value}
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield {"value": node.value + 1}


def _unobservable(tree: ast.Module, of_report: bool) -> set[int]:
    """Ids of nodes that no test can or may observe.

    Nothing evaluates type annotations and what only type checkers import. Decorators freeze dataclasses or size caches,
    which changes no result. ``strict`` of a zip raises where lengths differ, which nothing brings about. How many
    seconds something waits is left to the clock, at which no test looks.
    """
    parts: list[ast.AST] = []
    for node in ast.walk(tree):
        parts += getattr(node, "decorator_list", [])
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "zip":
            parts += node.keywords
        if isinstance(node, ast.Call) and of_report:
            parts += [keyword for keyword in node.keywords if keyword.arg in STYLE]
        if isinstance(node, ast.Assign) and re.search("(SECONDS|WAIT)$", ast.unparse(node.targets[0])):
            parts.append(node)
        parts += [part for name in ("annotation", "returns") if (part := getattr(node, name, None)) is not None]
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            parts.append(node)
    return {id(node) for part in parts for node in ast.walk(part)}


def own_tests(module: str) -> list[Path]:
    """The files of the module's own tests that are there."""
    folder, _, name = module.rpartition("/")
    files = [TOGETHER.get(folder, f"{folder}/test_{name}.py"), AS_WELL.get(folder)]
    return [TESTS / file for file in files if file and (ROOT / TESTS / file).is_file()]


def drawn(number: int, seed: int, rooms: list[str]) -> list[Mutation]:
    """Mutations, evenly over rooms, and within a room evenly over modules."""
    generator = random.Random(seed)
    library = ROOT / LIBRARY
    modules = sorted(path.relative_to(library).with_suffix("").as_posix() for path in library.rglob("*.py"))
    by_room: dict[str, list[Mutation]] = {}
    for module in modules:
        room = module.partition("/")[0]
        if "/" in module and (not rooms or room in rooms) and own_tests(module):
            here = mutations(module)
            generator.shuffle(here)
            by_room.setdefault(room, []).append(here)
    chosen: list[Mutation] = []
    while len(chosen) < number and any(any(lists) for lists in by_room.values()):
        for lists in by_room.values():
            left = [one for one in lists if one]
            if left and len(chosen) < number:
                chosen.append(generator.choice(left).pop())
    return chosen


def named(lines: list[str]) -> list[Mutation]:
    """The mutations that the script has printed; of several with the same code the one that is nearest to the line."""
    found = []
    for line in lines:
        if match := re.fullmatch(r"survives: (\w[\w/]+):(\d+): (.*)", line):
            module, place, code = match[1], int(match[2]), match[3]
            same = [one for one in mutations(module) if f"{one.before} -> {one.after}" == code]
            found += sorted(same, key=lambda one: abs(one.line - place))[:1]
    return found


def survives(mutation: Mutation, project: Path) -> bool:
    """Whether the module's tests pass with the mutation, in a copy of the project."""
    path = project / LIBRARY / f"{mutation.module}.py"
    before = path.read_text(encoding="utf-8")
    path.write_text(mutated(mutation), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    command += map(str, own_tests(mutation.module))
    quiet = {"cwd": project, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.run(command, timeout=SECONDS, **quiet).returncode == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        path.write_text(before, encoding="utf-8")


def main() -> None:
    """Draw mutations, run them, print what survives and the shares."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--number", type=int, default=200, help="of mutations")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="test runs at a time")
    parser.add_argument("--again", type=Path, help="run those that survived, as the script has printed them")
    parser.add_argument("--room", action="append", default=[], help="only this room; give each its own")
    flags = parser.parse_args()
    chosen = drawn(flags.number, flags.seed, flags.room)
    if flags.again:
        chosen = named(flags.again.read_text(encoding="utf-8").splitlines())
    found, total = Counter(), Counter()
    with tempfile.TemporaryDirectory(prefix="m1flow-mutations-") as scratch:
        free: queue.Queue[Path] = queue.Queue()
        for number in range(flags.processes):
            free.put(_copy(Path(scratch) / str(number)))

        def run(mutation: Mutation) -> tuple[Mutation, bool]:
            project = free.get()
            try:
                return mutation, survives(mutation, project)
            finally:
                free.put(project)

        with ThreadPoolExecutor(flags.processes) as pool:
            for mutation, survived in pool.map(run, chosen):
                room = mutation.module.partition("/")[0]
                total[room] += 1
                found[room] += not survived
                if survived:
                    print(f"survives: {mutation}", flush=True)
    for room in total:
        print(f"{room}: {found[room]} of {total[room]} found")
    print(f"all: {found.total()} of {total.total()} found, {found.total() / max(1, total.total()):.0%}")


def _copy(folder: Path) -> Path:
    """The project's files, without what runs and tools have made."""
    made = (".*", "results", "__pycache__", "*.pyc")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*made))
    (folder / "results").mkdir()
    return folder


if __name__ == "__main__":
    main()
