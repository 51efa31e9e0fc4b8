"""Lists of ids freeze the splits of data sets that overlap."""

from __future__ import annotations

from pathlib import Path

import pytest

from m1flow.errors import M1FlowError
from m1flow.files.json import read_json
from m1flow.questions.id_lists import read_ids

IDS = Path(__file__).parents[3] / "config" / "ids"


def test_a_line_is_an_id_and_remarks_and_blanks_are_none(tmp_path):
    (tmp_path / "ids.txt").write_text("# chosen in 2024\nk1\n\n  k3 \r\nk1\nq#4\n", encoding="utf-8")
    assert read_ids(tmp_path / "ids.txt") == {"k1", "k3", "q#4"}


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_list_that_can_not_be_read_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "ids.txt").write_bytes(content)
    with pytest.raises(M1FlowError, match=r"ids\.txt: ids: no such list of ids; correct the path"):
        read_ids(tmp_path / "ids.txt")


@pytest.mark.parametrize("name", sorted(path.name for path in IDS.glob("*.txt")))
def test_lists_that_ship_have_ids(name):
    assert len(read_ids(IDS / name)) >= 100


@pytest.mark.real
def test_the_frozen_lists_fit_pubmedqa(shared_data):
    official, trained = (read_ids(IDS / f"pubmedqa_{name}_train.txt") for name in ("official", "m1"))
    assert set(read_json(shared_data / "pubmedqa-nontest500" / "ori_pqal.nontest500.json")) == official
    assert len(trained) == 500
    assert len(trained - official) == 238  # the paper trains on these rows of the official test split
