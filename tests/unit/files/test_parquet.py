"""Tables are written whole or not at all, and read back only if they keep their contract."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m1flow.errors import M1FlowError
from m1flow.files.contracts import CONTRACTS
from m1flow.files.parquet import iterate_table, read_provenance, read_table, write_rows, write_table

DIFFICULTY = [
    {"question_id": "a", "attempts": 2, "correct": 0, "pass_rate": 0.0, "hard": True},
    {"question_id": "b", "attempts": 2, "correct": 1, "pass_rate": 0.5, "hard": False},
]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "difficulty.parquet"
    write_table(path, DIFFICULTY, "difficulty", provenance={"seed": 1})
    return path


def test_a_table_is_read_as_written(table):
    assert read_table(table, "difficulty").to_dict("records") == DIFFICULTY
    assert read_provenance(table) == {"seed": 1}


def test_more_columns_than_the_contract_are_welcome(tmp_path):
    rows = pd.DataFrame(DIFFICULTY).assign(note="x")
    write_table(tmp_path / "t.parquet", rows, "difficulty")
    assert list(read_table(tmp_path / "t.parquet", "difficulty").columns)[-1] == "note"


def test_an_empty_table_keeps_its_columns(tmp_path):
    write_table(tmp_path / "t.parquet", [], "difficulty")
    assert list(read_table(tmp_path / "t.parquet", "difficulty").columns) == list(DIFFICULTY[0])


def test_the_same_rows_give_the_same_bytes(table, tmp_path):
    write_table(tmp_path / "again.parquet", DIFFICULTY, "difficulty", provenance={"seed": 1})
    assert table.read_bytes() == (tmp_path / "again.parquet").read_bytes()


def refusal(path, contract="difficulty") -> str:
    with pytest.raises(M1FlowError) as caught:
        read_table(path, contract)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_column_is_named(tmp_path):
    pq.write_table(pa.table({"question_id": ["a"], "attempts": [1]}), tmp_path / "t.parquet")
    message = refusal(tmp_path / "t.parquet")
    assert str(tmp_path / "t.parquet") in message
    assert "'correct' is missing" in message


def test_a_wrong_type_is_named(tmp_path):
    columns = pd.DataFrame(DIFFICULTY).assign(pass_rate=["low", "high"])
    pq.write_table(pa.Table.from_pandas(columns), tmp_path / "t.parquet")
    assert "'pass_rate' holds" in refusal(tmp_path / "t.parquet")


def test_an_empty_value_is_named(tmp_path):
    pq.write_table(
        pa.Table.from_pandas(pd.DataFrame(DIFFICULTY).assign(question_id=["a", None])), tmp_path / "t.parquet"
    )
    assert "'question_id' has 1 empty" in refusal(tmp_path / "t.parquet")


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty"])
def test_a_corrupt_file_is_named_with_its_cure(table, damage):
    content = table.read_bytes()
    table.write_bytes({"cut": content[: len(content) // 2], "garbage": b"x" * 500, "empty": b""}[damage])
    message = refusal(table)
    assert str(table) in message
    assert "delete it and rerun" in message


def test_an_absent_file_says_how_to_make_it(tmp_path):
    assert "make it with: snakemake" in refusal(tmp_path / "none.parquet")


def trace_row(n: int, **more) -> dict:
    row = dict.fromkeys(CONTRACTS["traces"].names, "t") | {"question_id": f"q{n}", "parsed_index": None, "cost": None}
    return row | {"verified": True, "hard": True, "sampled": False, "prompt_tokens": n, "completion_tokens": 1} | more


def test_rows_are_written_and_read_a_part_at_a_time(tmp_path):
    taken = []

    def rows():
        for n in range(2500):
            taken.append(n)
            yield trace_row(n)

    write_rows(tmp_path / "t.parquet", rows(), "traces", provenance={"parameters": {"a": 1}})
    assert pq.ParquetFile(tmp_path / "t.parquet").num_row_groups == 3
    assert read_provenance(tmp_path / "t.parquet") == {"parameters": {"a": 1}}
    assert list(iterate_table(tmp_path / "t.parquet", "traces")) == [trace_row(n) for n in range(2500)]
    some = read_table(tmp_path / "t.parquet", "traces", ["prompt_tokens"], question_ids=["q7", "q2400"])
    assert some["prompt_tokens"].tolist() == [7, 2400]


def test_rows_that_end_in_an_error_leave_no_table(tmp_path):
    def rows():
        yield trace_row(0)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_rows(tmp_path / "t.parquet", rows(), "traces")
    assert list(tmp_path.iterdir()) == []


def test_no_rows_are_a_table_too(tmp_path):
    write_rows(tmp_path / "t.parquet", [], "traces")
    assert read_table(tmp_path / "t.parquet", "traces").empty


def test_a_part_that_breaks_the_contract_is_named(tmp_path):
    write_rows(tmp_path / "t.parquet", [trace_row(0), trace_row(1, reasoning=None)], "traces")
    with pytest.raises(M1FlowError, match=r"t\.parquet: column 'reasoning' has 1 empty values"):
        list(iterate_table(tmp_path / "t.parquet", "traces"))
