"""A disk that fills up, a folder that can't be written: one line that names the file, and a rerun with room goes on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from helpers.mounted import read_only, small_disk

RESULTS = Path("results") / "small"
SCRIPTS = "attempt build_pool fine_tune generate make_table render_report teach write_paper_tables".split()
"""One for each way of writing: journals, tables, model folders, CSV files, pages and figures, LaTeX."""
GENERATED = "sweeps/student/in_domain.parquet"
ROOM = 1 << 12

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def disk(finished, tmp_path_factory):
    """The finished small study on a disk of its own."""
    with small_disk(tmp_path_factory.mktemp("disk"), finished.folder, 96) as project:
        yield project


@pytest.fixture(scope="module")
def commands(small) -> dict[str, str]:
    """What a job of each script runs, as Snakemake prints it: of several jobs the one that writes most."""
    printed = small.snakemake("--dry-run", "--forceall", "--printshellcmds", "--configfile", "small.yaml").stdout
    found = re.findall(r"^Shell command: (.*workflow/scripts/(\w+)\.py .*)$", printed, re.MULTILINE)
    assert {script for _, script in found} >= set(SCRIPTS)

    def size(command: str) -> int:
        files = (small.folder / name for name in written_by(command))
        return sum(file.stat().st_size for file in files if file.is_file())

    return {script: command for command, script in sorted(found, key=lambda one: size(one[0]))}


def written_by(command: str) -> list[str]:
    """What a command writes, its log and its journal left out."""
    after = command[command.index(" --out") :]
    return [path for path in re.findall(r"results/\S+", after) if not path.endswith(".log")]


def tree(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts and path.name != ".filler"}


@pytest.fixture
def remove(finished, disk):
    """A function that removes a file or folder of the results; afterwards all that was removed is put back."""
    removed = []

    def removing(name: str) -> None:
        path = disk.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        removed.append(name)

    yield removing
    disk.make_room()
    for name in removed[:]:
        removing(name)
        where = finished.folder / name
        if where.exists():
            (shutil.copytree if where.is_dir() else shutil.copy2)(where, disk.folder / name)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_stage_on_a_full_disk_says_so_and_leaves_nothing_half_written(finished, disk, remove, commands, script):
    command = commands[script]
    [log] = re.findall(r"> (\S+\.log) 2>&1", command)
    outputs = written_by(command)
    journals = re.findall(r"--journal (\S+)", command)
    for name in [*outputs, *journals]:
        remove(name)
    before = tree(disk.folder)
    disk.fill(but=ROOM)
    done = disk.shell(command)
    said = (disk.folder / log).read_text(encoding="utf-8").splitlines()
    disk.make_room()
    new = tree(disk.folder) - before
    assert done.returncode == 1, (said, new)
    assert re.fullmatch(r"error: \S*results/small/\S+: .*No space left on device.*; free some space.*", said[-1]), said
    assert not [path for path in new if path.name.startswith(".") or path.suffix == ".tmp"]
    for path in (disk.folder / name for name in outputs):
        if path.is_file():  # written while there was room: whole
            assert path.read_bytes() == (finished.folder / path.relative_to(disk.folder)).read_bytes()


def test_a_run_whose_disk_fills_up_goes_on_once_there_is_room(finished, disk):
    target = str(RESULTS / GENERATED)
    for folder in ("sweeps", "generations"):
        shutil.rmtree(disk.folder / RESULTS / folder / "student")
    journal = disk.folder / RESULTS / "journals" / "sweeps" / "student.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[: whole.index(b"\n") + 1])
    begun = 2 * whole.index(b"\n")
    filled = disk.during(
        lambda _: journal.stat().st_size > begun, lambda _: disk.fill(), target, "--configfile", "small.yaml"
    )
    assert filled.returncode == 1 and "No space left on device" in filled.stdout, filled.stdout
    assert not (disk.folder / target).exists()
    disk.make_room()
    disk.snakemake("--unlock", "--configfile", "small.yaml")
    disk.snakemake(target, "--configfile", "small.yaml")
    pd.testing.assert_frame_equal(*(pd.read_parquet(one.folder / target) for one in (disk, finished)))


def test_without_room_nothing_starts(disk):
    disk.fill(but=8 << 20)
    done = disk.snakemake("--force", "--configfile", "small.yaml", "--", str(RESULTS / "pool.parquet"), check=False)
    disk.make_room()
    assert done.returncode == 1 and "Job 0:" not in done.stdout, done.stdout
    assert re.search(
        r"results/small: \d MB are free on this disk, but 32 MB are needed; free some space, then rerun", done.stdout
    )


@pytest.mark.parametrize("there", [True, False])
def test_a_read_only_folder_is_named_before_any_work(copied_small, there):
    project = copied_small.folder
    target = RESULTS / "pool.parquet"
    if not there:
        for name in ("pool.parquet", "pool_removed.parquet", "pool.report.json"):
            (project / RESULTS / name).unlink()
    with read_only(project, str(RESULTS)) as mounted:
        done = mounted.snakemake("--force", "--configfile", "small.yaml", "--", str(target), check=False)
    assert done.returncode == 1 and "Finished" not in done.stdout and "Traceback" not in done.stdout, done.stdout
    assert re.search("results/small/pool.parquet" if there else "results/small: can't be written to", done.stdout)
