"""The declaration of a table by its module of `analysis.tables`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from m1flow.files.column_kinds import Kind

if TYPE_CHECKING:  # the rules read which tables there are, and Snakemake's environment may have no pandas
    import pandas as pd

_TYPES = {Kind.TEXT: "str", Kind.FLAG: "bool", Kind.COUNT: "int64"}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the study; its name is that of the module that declares it.

    Attributes:
        title: what the table tells, in a few words.
        columns: the columns in their order, with the kind of each. A column means the same in every table that has it.
        make: the function that returns the rows. The names of its parameters say what the table is made from; those
            without a default must be given.
    """

    title: str
    columns: Mapping[str, Kind]
    make: Callable[..., pd.DataFrame]

    @property
    def names(self) -> list[str]:
        """The names of the columns, in their order."""
        return list(self.columns)

    @property
    def required(self) -> list[str]:
        """The names of the inputs that must be given to make the table."""
        parameters = inspect.signature(self.make).parameters.values()
        return [parameter.name for parameter in parameters if parameter.default is parameter.empty]

    def without_rows(self) -> pd.DataFrame:
        """The table without rows, for a study without its inputs."""
        import pandas as pd

        return pd.DataFrame({name: pd.Series(dtype=_TYPES.get(kind, "float64")) for name, kind in self.columns.items()})
