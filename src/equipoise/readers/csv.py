"""CSV and TSV files, read by polars block by block, straight into 32-bit numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import polars as pl

from equipoise._errors import InvalidInput
from equipoise.readers._ahead import ahead
from equipoise.readers._csv_header import check_first_line, read_layout
from equipoise.readers._frames import to_dataset
from equipoise.readers._numbers import NotNumbers, parsed
from equipoise.readers._paths import is_compressed
from equipoise.readers._places import Place, fault, located, shown_value
from equipoise.readers._records import (
    Block,
    Layout,
    blank_lines,
    blocks,
    explain_failure,
    line_of,
)
from equipoise.readers._request import Request
from equipoise.readers._shared_columns import shared_columns
from equipoise.readers.dataset import Dataset, name_of

_SAMPLE = 1000  # rows that tell which columns are numbers
_SAMPLE_BYTES = 1 << 18

Types = dict[str, type[pl.DataType]]


def read(paths: Sequence[Path], request: Request) -> tuple[Dataset, list[int]]:
    """Reads tables with the same columns, one below the other (see `equipoise.readers.read`).

    Returns:
        The data set, and the number of rows of each file.
    """
    layouts = [read_layout(path, request) for path in paths]
    names, columns = shared_columns([(layout.path, layout.names) for layout in layouts], request)
    features = frozenset(names[i] for i in columns.features)
    labels = frozenset(names[i] for i in columns.labels)
    samples = [_sample(layout) for layout in layouts]
    types = [_types(sample, features, labels) for sample in samples]
    # What a column is, the training rows decide.
    deciding = samples[: request.n_train or None]
    numbers = _number_columns(deciding, features) if request.mixed else features
    for layout in layouts:
        check_first_line(layout, numbers, labels, request.header)

    def place(i: int, row: int) -> Place:
        return Place(layouts[i].path, line=line_of(layouts[i], row))

    n_expected = sum(_expected_rows(layout) for layout in layouts)
    while True:
        counts: list[int] = []
        frames = ahead(_frames(layouts, types, counts, features - numbers))
        locate = located(counts, place)
        try:
            dataset = to_dataset(
                frames, names, columns, request, locate, name_of(paths), numbers, n_expected
            )
        except NotNumbers as found:
            if request.by_name and found.place.origin in paths[request.n_train :]:
                raise _no_number_in_test(found) from None
            numbers -= {found.column}  # so all of the column is read again, as text
            continue
        return dataset, counts


def _frames(
    layouts: Sequence[Layout],
    types: Sequence[Types],
    counts: list[int],
    text: Collection[str],
) -> Iterator[pl.DataFrame]:
    """The rows of all files; appends to `counts` how many each one has.

    A block in which a column stops being numbers is read as text, which is slower and shows what
    is wrong where.
    """
    for layout, own in zip(layouts, types, strict=True):
        counts.append(0)
        all_text: Types = dict.fromkeys(layout.names, pl.String)
        expected = own | {name: pl.String for name in layout.names if name in text}
        for block in ahead(blocks(layout)):
            try:
                frame = _parse(block, expected)
            except pl.exceptions.PolarsError:
                frame = _parse_or_explain(block, all_text)
            frame = _without_blank_lines(block, frame)
            counts[-1] += frame.height
            yield frame


def _no_number_in_test(found: NotNumbers) -> InvalidInput:
    return fault(
        found.place,
        "the column holds numbers in all training rows, and here text.",
        column=found.column,
        received=shown_value(found.text),
        remedy=f"Correct the cell or leave it empty; or leave the column out with "
        f"ignore=[{found.column!r}].",
    )


# ----------------------------------------------------------------------------------- types


def _expected_rows(layout: Layout) -> int:
    """About how many rows a file has, by the length of the first ones; 0 if it is compressed."""
    if is_compressed(layout.path):
        return 0
    first = next(blocks(layout, _SAMPLE_BYTES)).data
    size = layout.path.stat().st_size
    most = size // (2 * layout.n_columns) + 1  # every cell has a character and a separator
    return min(most, round(1.05 * size * first.count(b"\n") / len(first)))


def _sample(layout: Layout) -> pl.DataFrame:
    """The first rows of a file, as text."""
    all_text: Types = dict.fromkeys(layout.names, pl.String)
    return _parse_or_explain(next(blocks(layout, _SAMPLE_BYTES)), all_text, _SAMPLE)


def _types(sample: pl.DataFrame, features: Collection[str], labels: Collection[str]) -> Types:
    """The types under which polars reads the columns fastest."""
    types: Types = dict.fromkeys(sample.columns, pl.String)
    for series in sample:
        if series.name in features:
            types[series.name] = _type_of(series, pl.Float32, pl.Boolean)
        elif series.name in labels:
            types[series.name] = _type_of(series, pl.Int8, pl.Float32, pl.Boolean)
    return types


def _type_of(sample: pl.Series, *kinds: type[pl.DataType]) -> type[pl.DataType]:
    """The first type that holds every value of the sample, else text."""
    for kind in kinds:
        if kind == pl.Boolean:
            holds = sample.drop_nulls().str.to_lowercase().is_in(["true", "false"]).all()
        else:
            holds = sample.cast(kind, strict=False).null_count() == sample.null_count()
        if holds:
            return kind
    return pl.String


def _number_columns(samples: Sequence[pl.DataFrame], features: Collection[str]) -> frozenset[str]:
    """The features that are numbers, or words for numbers, in the first rows of all files."""
    return frozenset(
        name for name in features if all(len(parsed(sample[name])[1]) == 0 for sample in samples)
    )


# ---------------------------------------------------------------------------------- blocks


def _parse(block: Block, types: Types, n_rows: int | None = None) -> pl.DataFrame:
    # All columns are read: polars counts the cells of a row only up to the last one it needs.
    return pl.read_csv(
        block.data,
        has_header=False,
        schema=types,
        separator=block.layout.separator,
        quote_char='"' if block.layout.quoting else None,
        n_rows=n_rows,
    )


def _parse_or_explain(block: Block, types: Types, n_rows: int | None = None) -> pl.DataFrame:
    try:
        return _parse(block, types, n_rows)
    except pl.exceptions.PolarsError as error:
        raise explain_failure(block, error) from error


def _without_blank_lines(block: Block, frame: pl.DataFrame) -> pl.DataFrame:
    # A short row or a blank line leaves the last cell empty, so only then they are looked for.
    if frame[block.layout.names[-1]].null_count() == 0:
        return frame
    blank = blank_lines(block, frame.height)
    if not blank:
        return frame
    kept = pl.Series([True]).new_from_index(0, frame.height).scatter(blank, False)
    return frame.filter(kept)
