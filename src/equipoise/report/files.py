"""Writing report documents as files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from equipoise._errors import InvalidFile
from equipoise._files import check_writable, write_atomically, write_json
from equipoise.report.page import to_html
from equipoise.report.render import to_markdown


def write_report(path: str | os.PathLike[str], document: Mapping[str, Any]) -> Path:
    """Writes the document as its suffix says: .html, .md or .json (the document itself).

    Raises:
        InvalidFile: another suffix, or a file that cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        return write_json(path, document)
    if suffix in (".md", ".markdown"):
        return write_atomically(path, to_markdown(document))
    if suffix in (".html", ".htm"):
        return write_atomically(path, to_html(document))
    raise InvalidFile(
        f"A report cannot be written to {str(path)!r}.",
        received=f"suffix {suffix!r}",
        remedy="Use .html, .md or .json.",
    )


def check_report(path: str | os.PathLike[str]) -> None:
    """Raises InvalidFile unless a report can be written there, before the work it is to show."""
    if Path(path).suffix.lower() not in (".json", ".md", ".markdown", ".html", ".htm"):
        raise InvalidFile(
            f"A report cannot be written to {str(path)!r}.",
            received=f"suffix {Path(path).suffix!r}",
            remedy="Use .html, .md or .json.",
        )
    check_writable(path)
