"""Options that say where the data is, shared by every command that reads some."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from equipoise.readers import Dataset, read

Paths = Annotated[list[Path], Parameter(help="One file, or several with the same columns.")]


@Parameter(name="*")
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

    header: bool = True
    "Whether the first row of a text table names the columns."

    ignore: str | None = None
    "Columns to leave out (an id, say): a glob, or names separated by commas."

    groups: str | None = None
    "Column that names each row's group; a group never crosses a fold."

    def read(self, paths: list[Path]) -> Dataset:
        """Reads the files as these options say."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if self.header:
            del given["header"]  # only text tables have the option
        elif self.labels_column is not None and self.labels_column.isdecimal():
            given["labels_column"] = int(self.labels_column)  # no header, so columns have no names
        return read(paths, **given)
