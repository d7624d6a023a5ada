"""A plain dictionary becomes one self-contained HTML file, or Markdown.

This layer knows nothing of the rest of equipoise. A document is

    {"title": str, "lead": [str, ...], "sections": [section, ...]}

and a section has a "heading" and, all optional, "paragraphs" (list of str), "table"
({"columns": [{"title", "digits"?}], "rows": [[value, ...]]}) and "figure" ({"kind", "caption",
...data}); see `equipoise.report.figures` for the kinds. A table cell is text, a number or None.
All text is escaped.
"""

from equipoise.report.render import (
    check_report,
    to_fragment,
    to_html,
    to_markdown,
    to_text,
    write_report,
)

__all__ = ["check_report", "to_fragment", "to_html", "to_markdown", "to_text", "write_report"]
