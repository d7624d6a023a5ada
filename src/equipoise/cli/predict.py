"""The command `predict`: labels for the rows of files of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from equipoise.cli import show
from equipoise.cli.data import Flag, Json, Paths
from equipoise.cli.libraries import without_panics
from equipoise.cli.machine import MachineOptions
from equipoise.cli.progress import bar_of


def predict(
    bundle: Path,
    data: Paths,
    /,
    *,
    out: Path,
    keep: Annotated[str | None, Parameter(name="--id")] = None,
    separator: str | None = None,
    header: bool = True,
    quoting: bool = True,
    machine: MachineOptions | None = None,
    json: Json = False,
    all_labels: Flag = False,
) -> None:
    """Predict the rows of files with a bundle; files may be larger than memory.

    Columns are found by name, in any order; labels need not be there. Written are the names of the
    labels of each row with | between them, probability_<label> and decision_<label>. CSV, Parquet,
    ARFF and libsvm are read some rows at a time, Arrow and NPZ as a whole.

    Parameters
    ----------
    out
        The file to write: .csv or .parquet.
    keep
        A column of the data that is copied; qid of libsvm, an array of NPZ.
    separator
        What separates the columns of a text table; by default read off the file name.
    header
        Whether the first row of a text table names the columns.
    quoting
        Whether cells of a text table may be in double quotes.
    all_labels
        List every label, not only the first ones.
    """
    from equipoise.bundle._folder import check_is_bundle
    from equipoise.bundle.output import check_output

    check_output(out)
    check_is_bundle(bundle)
    machine = machine or MachineOptions()
    machine.choose()
    machine.start()
    from equipoise.bundle import Bundle
    from equipoise.bundle.predict import predict_files

    loaded = Bundle.load(bundle)
    with without_panics(), bar_of("rows", None) as advance:
        written = predict_files(
            loaded,
            data,
            out,
            keep=keep,
            separator=separator,
            header=header,
            quoting=quoting,
            on_rows=advance,
        )
    labels = {*loaded.label_names, loaded.reading.get("labels_column")}
    ignored = [name for name in written.ignored if name not in labels]
    if json:
        show.print_json(
            {
                "file": str(written.path),
                "rows": written.n_rows,
                "positives": written.positives,
                "ignored": ignored,
            }
        )
        return
    _show(written, ignored, all_labels)


def _show(written: Any, ignored: list[str], all_labels: bool) -> None:
    from equipoise.bundle.predict import note_of_ignored

    shares = [(name, n, n / written.n_rows) for name, n in written.positives.items()]
    rows, rest = show.shown_labels(shares, all_labels)
    titles = [{"title": "label"}, {"title": "predicted"}, {"title": "share"}]
    show.print_table(f"{written.n_rows:,} rows", titles, rows)
    note = note_of_ignored(ignored)
    lines = [line for line in (rest, note) if line]
    show.print_lines([*lines, f"Predictions: {written.path}"])
