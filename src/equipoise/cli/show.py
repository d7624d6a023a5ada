"""What commands print: tables for people, JSON for machines, progress while they wait."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import ProgressColumn, Task
from rich.table import Table
from rich.text import Text

from equipoise.cli.progress import bar_with, interrupts_kept
from equipoise.report.render import format_cell

_LABELS_SHOWN = 20
_WIDTH_OF_FILES = 200


def console() -> Console:
    """Standard output as it is now (tests and pipes replace it); a file has room for any table."""
    width = None if sys.stdout.isatty() else _WIDTH_OF_FILES
    return Console(file=sys.stdout, width=width, highlight=False)


def print_json(payload: Mapping[str, Any]) -> None:
    """Prints strict JSON on standard output."""
    print(json.dumps(payload, ensure_ascii=False, allow_nan=False, indent=2))


def print_table(title: str, columns: list[Mapping[str, Any]], rows: list[Any]) -> None:
    """Prints a table of the form that reports have."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for i, column in enumerate(columns):
        text = any(isinstance(row[i], str) for row in rows)
        table.add_column(column["title"], justify="left" if text else "right")
    for row in rows:
        # Text, not markup: a label may be called "[red]".
        table.add_row(*(Text(format_cell(v, c)) for v, c in zip(row, columns, strict=True)))
    console().print(table)


def print_document(document: Mapping[str, Any]) -> None:
    """Prints a report document: its sentences and its tables."""
    console().print(Text(document["title"], style="bold"))
    print_lines(document["lead"])
    for section in document["sections"]:
        console().print()
        print_lines(section.get("paragraphs", []))
        if "table" in section:
            table = section["table"]
            print_table(section["heading"], table["columns"], table["rows"])


def print_lines(lines: list[str]) -> None:
    """Prints sentences as a list."""
    for line in lines:
        console().print(Text(f"• {line}"))


def shown_labels(rows: list[Any], everything: bool) -> tuple[list[Any], str]:
    """Returns the rows to show, and a line about those left out."""
    if everything or len(rows) <= _LABELS_SHOWN:
        return rows, ""
    rest = len(rows) - _LABELS_SHOWN
    return rows[:_LABELS_SHOWN], f"… and {rest} labels more; --all-labels shows them."


class _TimeLeft(ProgressColumn):
    """Time left by what the parts that were worked on took; those found in a store took none."""

    def render(self, task: Task) -> Text:
        worked, since = task.fields["worked"], task.fields["since"]
        if not worked or task.total is None:
            return Text("-:--:-- left")
        spent, ago = since - task.fields["began"], time.monotonic() - since
        left = max(spent / worked * (task.total - task.completed) - ago, 0.0)
        return Text(f"{timedelta(seconds=round(left))} left")


@contextmanager
def progress() -> Iterator[Callable[[str, Any, int], None]]:
    """Shows a bar on standard error; yields what to call with the name of the data, each finished
    cell and the total."""
    with (
        interrupts_kept() as go_on,
        bar_with(_TimeLeft()) as bar,
    ):
        now = time.monotonic()
        task = bar.add_task("starting", total=None, worked=0, began=now, since=now)

        def advance(name: str, cell: Any, total: int) -> None:
            go_on()
            fields = bar.tasks[task].fields
            now = time.monotonic()
            if cell.restored and not fields["worked"]:
                bar.update(task, began=now)
            elif not cell.restored:
                bar.update(task, worked=fields["worked"] + 1, since=now)
            done = f"{name}: {cell.treatment}, fold {cell.fold + 1}"
            bar.update(task, total=total, advance=1, description=done)

        yield advance
