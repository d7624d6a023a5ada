"""Options that say where the data is, shared by every command that reads some."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, Token

from equipoise.cli.libraries import without_panics
from equipoise.readers import Dataset, read
from equipoise.readers.tables import table_encoder


def whole(_: Any, tokens: Sequence[Token]) -> int:
    """Returns a whole number; cyclopts would round 2.5 without a word."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"{tokens[0].value!r} is no whole number.") from None


Paths = Annotated[list[Path], Parameter(help="One file, or several with the same columns.")]
Flag = Annotated[bool, Parameter(negative=(), show_default=False)]
Json = Annotated[
    bool,
    Parameter(name="--json", negative=(), show_default=False, help="Print JSON for machines."),
]
Whole = Annotated[int, Parameter(converter=whole)]


@Parameter(name="*", group="Data")
@dataclass
class DataOptions:
    """Where the labels are, and how a text table is written."""

    labels: Annotated[str | None, Parameter(name=["--labels", "-l"])] = None
    "Label columns: a glob ('lab_*'), names separated by commas, or a Mulan XML file."

    labels_column: str | None = None
    "One column that holds all labels of a row, such as 'action|drama'; a number without header."

    delimiter: str | None = None
    "What separates the labels in --labels-column."

    separator: str | None = None
    "What separates the columns of a text table; by default read off the file name."

    label_names: Path | None = None
    "Text file with all label names, one a line; or with ids and names, separated by a tab."

    header: bool = True
    "Whether the first row of a text table names the columns."

    quoting: bool = True
    "Whether cells of a text table may be in double quotes."

    ignore: str | None = None
    "Columns to leave out (an id, say): a glob, or names separated by commas."

    groups: str | None = None
    "Column that names each row's group; a group never crosses a fold."

    mixed: Flag = False
    "Columns of text, categories and dates are features too (needs skrub)."

    def encoder(self) -> Any:
        """Returns what makes numbers of a mixed table once it saw training rows; else None."""
        return table_encoder() if self.mixed else None

    def read(self, paths: list[Path]) -> Dataset:
        """Reads the files as these options say."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        column = self.labels_column or ""
        if not self.header and column.removeprefix("-").isdecimal():
            given["labels_column"] = int(column)  # columns without header have no names
        with without_panics():
            return read(paths, **given)
