"""The rows of libsvm files: labels and query ids read here, features by scikit-learn."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput
from equipoise.readers._bytes import open_bytes
from equipoise.readers._checks import MOST_COLUMNS
from equipoise.readers._places import fault, shown_value

_NUMBER = rb"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|NaN|NAN)"
_LABEL = rb"[-+]?\d{1,18}(?:\.0*)?"
_LABELS = rb"%b(?:,%b)*" % (_LABEL, _LABEL)
_HEAD = re.compile(rb"\s*(?:(%b)(?:\s+|$))?(?:qid:(\d{1,18})(?:\s+|$))?" % _LABELS)
_COUNTS = re.compile(rb"\s*(\d{1,18})\s+(\d{1,18})\s+(\d{1,18})\s*")


@dataclass(frozen=True)
class Counts:
    """What the first line of a file of the extreme classification repository says."""

    n_rows: int
    n_features: int
    n_labels: int


@dataclass(frozen=True)
class Rows:
    """The rows of one file.

    Attributes:
        path: the file.
        counts: what its first line says, or None.
        x: (N, highest index + 1) features as they are numbered in the file.
        labels: the labels of all rows, one after the other.
        n_labels: (N,) how many of them each row has.
        queries: (N,) query ids, or those of the first rows if later ones have none.
    """

    path: Path
    counts: Counts | None
    x: sparse.csr_array
    labels: NDArray[np.int64]
    n_labels: NDArray[np.int64]
    queries: NDArray[np.int64]


def read_rows(path: Path) -> Rows:
    """Reads a file.

    Raises:
        InvalidFile: a line that is no row, with its number; another number of rows than the
            first line says.
    """
    from sklearn import datasets  # starts slowly

    lines = _Lines(path)
    try:
        load: Any = datasets.load_svmlight_file
        x, _ = load(lines, dtype=np.float32, zero_based=True)
    except InvalidInput:
        raise
    except (ValueError, OverflowError) as error:
        raise explain_bad_row(path, lines.line, lines.text) from error
    if len(lines.n_labels) == 0:
        raise fault(path, "holds no row.", remedy="Check how the file was made.")
    counts = lines.counts
    if counts is not None and counts.n_rows != len(lines.n_labels):
        raise fault(
            path,
            f"the first line says {counts.n_rows} rows, but there are {len(lines.n_labels)}.",
            remedy="The file may be cut off: compare its size with the original's.",
        )
    return Rows(
        path,
        counts,
        sparse.csr_array(x),
        np.frombuffer(lines.labels, dtype=np.int64),
        np.frombuffer(lines.n_labels, dtype=np.int64),
        np.frombuffer(lines.queries, dtype=np.int64),
    )


def line_of(path: Path, row: int) -> int:
    """Returns the line of a row, counted from 0."""
    lines = _Lines(path)
    next(islice(lines, row, None))
    return lines.line


class _Lines:
    """The lines of a file as scikit-learn likes them: "0 index:value …"; labels are kept here."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.counts: Counts | None = None
        self.line = 0
        self.text = b""
        self.labels = array("q")
        self.n_labels = array("q")
        self.queries = array("q")

    def read(self) -> bytes:
        """Makes this a file for scikit-learn, which then reads it line by line."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[bytes]:
        blank = 0
        with open_bytes(self._path) as file:
            for self.line, text in enumerate(file, start=1):
                if b"#" in text:
                    text = text.partition(b"#")[0]
                    if not text.strip():
                        continue
                self.text = text
                if self.line == 1 and (found := _COUNTS.fullmatch(_without_mark(text))):
                    self.counts = _checked_counts(self._path, *map(int, found.groups()))
                elif text.strip():
                    if blank:
                        raise self._blank_line(blank)
                    yield self._features(_without_mark(text) if self.line == 1 else text)
                elif self.counts is None:
                    blank = blank or self.line
                elif len(self.n_labels) < self.counts.n_rows:
                    yield self._features(text)  # a row without labels and features

    def _features(self, text: bytes) -> bytes:
        head = _HEAD.match(text)
        labels, query = head.groups() if head else (None, None)
        features = text[head.end() :] if head else text
        # scikit-learn would pass over query ids, and Python reads 1_0 as a number.
        if b"q" in features or b"_" in features:
            raise explain_bad_row(self._path, self.line, text)
        before = len(self.labels)
        if labels:
            if b"." in labels:
                labels = re.sub(rb"\.0*", b"", labels)
            self.labels.extend(map(int, labels.split(b",")))
        self.n_labels.append(len(self.labels) - before)
        if query:
            self.queries.append(int(query))
        return b"0 " + features

    def _blank_line(self, line: int) -> InvalidInput:
        return fault(
            self._path,
            "the line is blank: it may be a row without labels and features, or nothing.",
            line=line,
            remedy="Remove the line; or, for such a row, write 1:0 (0:0 if indices begin at 0).",
        )


def _checked_counts(path: Path, n_rows: int, n_features: int, n_labels: int) -> Counts:
    if min(n_rows, n_features, n_labels) < 1 or max(n_features, n_labels) > MOST_COLUMNS:
        raise fault(
            path,
            f"the first line must count rows, features and labels, from 1 to {MOST_COLUMNS:,}.",
            line=1,
            received=f"{n_rows} {n_features} {n_labels}",
        )
    return Counts(n_rows, n_features, n_labels)


def explain_bad_row(path: Path, line: int, text: bytes) -> InvalidInput:
    """Returns the error that names the part of a line that is not libsvm's."""
    problem, received = "", ""
    last = -1
    for i, token in enumerate(text.split()):
        index, colon, value = token.partition(b":")
        if not colon:
            if i == 0 and re.fullmatch(_LABELS, token):
                continue
            problem = (
                "a label must be a whole number."
                if i == 0
                else "after the labels, which commas separate, come pairs index:value."
            )
        elif index == b"qid" and i < 2 and re.fullmatch(rb"\d{1,18}", value):
            continue
        elif not re.fullmatch(rb"\d{1,18}", index):
            problem = "the index of a feature must be a whole number, and a query id comes first."
        elif int(index) >= MOST_COLUMNS:
            problem = f"the index of a feature is above {MOST_COLUMNS - 1:,}."
        elif int(index) <= last:
            problem = f"the indices of a row must rise; this one comes after {last}."
        elif re.fullmatch(rb"[-+]?inf(inity)?", value, re.IGNORECASE):
            problem = "the value is infinite."
        elif not re.fullmatch(_NUMBER, value):
            problem = "the value of a feature must be a number."
        else:
            last = int(index)
            continue
        received = token.decode("utf-8", "replace")
        break
    return fault(
        path,
        problem or "the row cannot be read.",
        line=line,
        received=shown_value(received or text.decode("utf-8", "replace").strip()),
        remedy="Write rows as label,label index:value index:value …, sorted by index.",
    )


def _without_mark(text: bytes) -> bytes:
    """The text without a byte order mark."""
    return text.removeprefix(b"\xef\xbb\xbf")
