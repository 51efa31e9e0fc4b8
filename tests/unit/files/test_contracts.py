"""Contracts: tables that extend others keep their columns and types, and the nullable ones exist."""

from __future__ import annotations

import pyarrow as pa
import pytest

from m1flow.files.contracts import CONTRACTS, NULLABLE


@pytest.mark.parametrize(
    ("base", "wider"),
    [
        ("questions", "pool_removed"),
        ("datasets", "examples"),
        ("generations", "sweeps"),
    ],
)
def test_a_table_made_from_another_keeps_its_columns(base, wider):
    """So that rows pass from one table to the next without conversion."""
    assert set(CONTRACTS[base]) < set(CONTRACTS[wider])


def test_a_column_has_one_type_in_every_table_but_for_counts_of_what_is_correct():
    types: dict[str, set[pa.DataType]] = {}
    for schema in CONTRACTS.values():
        for field in schema:
            types.setdefault(field.name, set()).add(field.type)
    assert {name: kinds for name, kinds in types.items() if len(kinds) > 1} == {"correct": {pa.bool_(), pa.int32()}}


def test_only_columns_that_exist_may_be_empty_and_no_identity_may():
    columns = {field.name for schema in CONTRACTS.values() for field in schema}
    assert columns >= NULLABLE
    assert not NULLABLE & {"question_id", "correct", "outcome", "sample", "budget"}
