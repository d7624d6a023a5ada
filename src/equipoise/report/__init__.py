"""A plain dictionary becomes one self-contained HTML file, or Markdown.

This layer knows nothing of the rest of equipoise. A document is

    {"title": str, "lead": [str, ...], "sections": [section, ...]}

and a section has a "heading" and, all optional,

- "group": what it belongs to; neighbouring sections of one group stand under a heading of theirs;
- "paragraphs": list of str;
- "code": list of str, lines that can be run;
- "figure": {"kind", "caption", ...data}; see `equipoise.report.figures` for the kinds;
- "table": {"columns": [{"title", "digits"?, "signed"?}], "rows": [[value, ...]]}; a cell is text, a
  number or None. On the page it can be sorted and, if long, filtered;
- "thresholds": {"labels": [{"name", "positives", "negatives", "cuts", "tp", "fp", "chosen"}]}, on
  the page a slider: `tp[i]` positives and `fp[i]` negatives have a score of at least `cuts[i]`
  (ascending), and `chosen` is the index of the cut in use. Elsewhere the table beside it has to
  say what matters.

All text is escaped.
"""

from equipoise.report.files import check_report, write_report
from equipoise.report.page import to_html
from equipoise.report.render import to_fragment, to_markdown, to_text

__all__ = ["check_report", "to_fragment", "to_html", "to_markdown", "to_text", "write_report"]
