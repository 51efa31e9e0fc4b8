"""Question sets for training (sources) or for evaluation (benchmarks)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from m1flow.study.seams.adapters import ADAPTERS
from m1flow.study.settings.section import Section
from m1flow.study.settings.values import (
    REVISION,
    Checksum,
    Count,
    HubId,
    Listed,
    Number,
    OneProblem,
    Paths,
    Range,
    Text,
    Texts,
)

Value = str | Number | bool


class FieldNames(Section):
    """The names of a row's fields."""

    question: str = Field(description="the field with the question")
    options: Texts = Field(description="the field with the list of options, or the fields with one option each")
    answer: Annotated[str | int, OneProblem("a text or a whole number")] = Field(
        description="the field with the answer; or a number: the position that is always right, from 0"
    )
    id: str | None = Field(None, description="the field with the row's id; its key or number by default")
    context: str | None = Field(None, description="the field with a text to read before the question")
    split: str | None = Field(None, description="the field with the split")
    domain: str | None = Field(None, description="the field with the subject, for recipes that balance domains")
    image: str | None = Field(None, description="the field with an image; rows that have one are dropped")


class QuestionSetSettings(Section):
    """An entry of ``sources`` or ``benchmarks``."""

    of_adapters: ClassVar[tuple[str, ...]] = (
        *("path", "hub", "part", "where", "fields", "subjects"),
        *("questions", "chain", "drugs"),
    )
    """Keys that only some adapters take; each adapter declares its own."""

    adapter: Annotated[str, ADAPTERS] = Field(description="turns rows into questions")
    enabled: bool = Field(True, description="false: the entry is ignored")
    path: Paths = Field((), description="files, relative to data_folder: .parquet, .json, .jsonl, .csv")
    hub: HubId | None = Field(None, description="a data set on the hub, instead of path")
    revision: Text | None = Field(None, description=REVISION)
    config: str | None = Field(None, description="on the hub: which of the data set's configs")
    files: Texts | None = Field(None, description="on the hub: which files (patterns); by default those of the split")
    checksum: Checksum | None = Field(None, description="the published checksum of the file on the hub")
    part: str | None = Field(
        None, description="for a JSON file with several lists of rows: the key of the list to read"
    )
    where: (
        dict[str, Annotated[Value | Listed[Value], OneProblem("a text, a number, true, false or a list of them")]]
        | None
    ) = Field(None, description="only rows whose fields have these values")
    ids: Paths = Field((), description="files of row ids, one per line: keep only these rows")
    without_ids: Paths = Field((), description="files of row ids, one per line: leave out these rows")
    origin: str | None = Field(
        None, description="the upstream data set; equal row ids of one origin are the same question"
    )
    expected: Count | None = Field(None, description="expected number of rows; a difference is reported")
    fields: FieldNames | None = Field(
        None, description="adapter records: names of the fields; dots reach into nested fields"
    )
    split: str | None = Field(None, description="on the hub: which split; the table names it; train by default")
    subjects: Listed[str] | None = Field(None, description="adapter mmlu_csv: read only these subjects")
    limit: Count | None = Field(None, description="take only this number of questions, from the start")
    shuffle: bool = Field(True, description="shuffle the options with the study's seed")
    options_of: str | None = Field(
        None, description="a recorded teacher; options get the order that its traces refer to"
    )
    seed: int | None = Field(None, description="adapter formulary: draws the questions; the study's seed by default")
    questions: Count | None = Field(None, description="adapter formulary: number of questions")
    chain: Range | None = Field(None, description="adapter formulary: fewest and most drugs in a question")
    drugs: Literal["common", "rare", "any"] = Field("common", description="adapter formulary: kind of the drugs")

    def keys_beyond(self, taken: Collection[str]) -> list[str]:
        """The given keys that only some adapters take, without those in ``taken``."""
        default = {key: type(self).model_fields[key].default for key in self.of_adapters}
        return [key for key in self.of_adapters if key not in taken and getattr(self, key) != default[key]]
