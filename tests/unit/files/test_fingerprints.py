"""Fingerprints follow content, not order or place, and never change: journals are keyed by them."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from m1flow.files.fingerprints import fingerprint, fingerprint_path, fingerprint_rows
from m1flow.files.parquet import iterate_table, write_rows, write_table

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(values, values)
def test_values_share_a_fingerprint_exactly_if_they_are_the_same_json(first, second):
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (fingerprint(first) == fingerprint(second)) == same


def test_fingerprints_of_old_journals_still_hold():
    assert fingerprint({"b": [1, 2.5, None, True], "a": "é \ud800"}) == "190780ed7e218a39b615246757a9796b"


def test_a_files_fingerprint_is_the_beginning_of_its_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert fingerprint_path(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223"


def test_rows_share_a_fingerprint_whatever_file_holds_them(tmp_path):
    rows = [{"prompt": f"Which {n}?", "completion": "é", "kind": "fact"} for n in range(2500)]
    write_table(tmp_path / "one.parquet", rows, "corpora", provenance={"commit": "a"})
    write_rows(tmp_path / "other.parquet", rows, "corpora", provenance={"commit": "b"})
    one, other = (fingerprint_rows(iterate_table(tmp_path / f"{name}.parquet", "corpora")) for name in ("one", "other"))
    assert (tmp_path / "one.parquet").read_bytes() != (tmp_path / "other.parquet").read_bytes()
    assert one == other == fingerprint_rows(rows) and len(one) == 32


def test_rows_differ_by_values_columns_number_and_order():
    rows = [{"text": "a", "input_ids": [1, 2]}, {"text": "b", "input_ids": [3]}]
    others = [
        [],
        rows[:1],
        rows[::-1],
        [rows[0], {"text": "b", "input_ids": [4]}],
        [rows[0], {"text": "b", "ids": [3]}],
        [*rows, rows[1]],
    ]
    assert len({fingerprint_rows(each) for each in (rows, *others)}) == 7


def test_files_and_folders_are_told_by_content_and_names(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / "sub" / "f").write_text("same")
    whole = fingerprint_path(tmp_path / "x")
    assert fingerprint_path(tmp_path / "y") == whole
    (tmp_path / "y" / ".hidden").write_text("x")
    assert fingerprint_path(tmp_path / "y") == whole
    (tmp_path / "y" / "sub" / "f").rename(tmp_path / "y" / "sub" / "g")
    assert fingerprint_path(tmp_path / "y") != whole
    (tmp_path / "x" / "sub" / "f").write_text("other")
    assert fingerprint_path(tmp_path / "x") != whole
