"""Inputs of jobs that make tables, and the list of a study's tables. No rules."""

SWEEPS = expand(
    "<results>/sweeps/{model}/{benchmark}.parquet",
    model=STUDY.models,
    benchmark=STUDY.benchmarks,
)
DATASETS = expand("<results>/datasets/{dataset}.parquet", dataset=STUDY.datasets)
TRACES = expand("<results>/traces/{teacher}.parquet", teacher=STUDY.teachers)
BILLS = [
    *expand("<results>/attempts/{solver}.report.json", solver=STUDY.solvers),
    *expand("<results>/traces/{teacher}.report.json", teacher=STUDY.teachers),
    *(["<results>/domains.report.json"] if STUDY.domains.by == "model" else []),
    *(["<results>/judged.report.json"] if JUDGED else []),
]
# Models that the study compares with published numbers.
PUBLISHED_AS = {model: entry.published for model, entry in STUDY.models.items() if entry.published}
# Inputs that the study lacks; it has no tables that are made from them.
LACKING = {
    *([] if JUDGED else ["judged"]),
    *([] if LEAKABLE else ["leaked_pairs", "leakable_benchmarks", "leakable_sweeps"]),
    *([] if PUBLISHED_AS else ["published_as"]),
}


def has_table(name):
    """Whether the study has all inputs of a table."""
    return all(need not in LACKING and (need not in TABLES.names() or has_table(need)) for need in needs(name))


STUDY_TABLES = [name for name in TABLES.names() if has_table(name)]


wildcard_constraints:
    table=any_of(STUDY_TABLES),


def tables_needed(wildcards):
    """The other tables that a table is made from."""
    return [name for name in needs(wildcards.table) if name in TABLES.names()]


def code_of_table(wildcards):
    """The code of a table and of the tables that it is made from, without that of others."""
    return code("make_table.py", *map(TABLES.file, [wildcards.table, *tables_needed(wildcards)]))


def files_of_tables_needed(wildcards):
    """The files of the other tables that a table is made from."""
    return expand("<results>/tables/{name}.csv", name=tables_needed(wildcards))


def where_needed(need, given, otherwise=()):
    """An input or parameter: ``given`` for a table that is made from ``need``, else ``otherwise``."""
    return lambda wildcards: given if need in needs(wildcards.table) else otherwise
