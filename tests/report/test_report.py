import html
import re
from xml.etree import ElementTree

import pytest

from equipoise._errors import InvalidFile, InvalidInput
from equipoise.report import to_html, to_markdown, write_report
from equipoise.report.figures import KINDS, draw

EVIL = "日本</td><script>alert('x')</script> $x_1$ | `a` & b"

SERIES = {"title": EVIL, "values": [0.1, -0.2], "low": [0.05, None], "high": [0.15, None]}
FIGURES = {
    "intervals": {"names": [EVIL, "b"], "xlabel": "x", "series": [SERIES, SERIES]},
    "reliability": {
        "series": [
            {"title": EVIL, "cells": [10, 0], "predicted": [0.1, None], "observed": [0.2, None]}
        ]
    },
    "frequencies": {"names": [EVIL, "none at all"], "positives": [100, 0]},
    "dots": {"names": [EVIL, "b"], "xlabel": "x", "series": [{"title": "a", "values": [2, None]}]},
    "changes": {"positives": [3, 50], "series": SERIES},
    "curves": {
        "series": [{"title": EVIL, "x": [0, 1], "y": [1, 0.1]}],
        "xlabel": "recall",
        "ylabel": "precision",
    },
    "bundle": {
        "series": [{"title": EVIL, "x": [0, 1], "y": [1, 0.1]}, {"title": "b", "x": [0], "y": [1]}],
        "named": [EVIL],
        "mean": {"x": [0, 1], "y": [1, 0.2]},
        "diagonal": True,
        "xlabel": "recall",
        "ylabel": "precision",
    },
    "band": {
        "x": [0, 1],
        "y": [0.2, 0.4],
        "low": [0.1, 0.3],
        "high": [0.3, 0.5],
        "chosen": {"x": 0.5, "y": 0.3, "title": EVIL},
        "xlabel": "threshold",
        "ylabel": "f1",
    },
    "histograms": {
        "names": [EVIL, "b"],
        "edges": [0, 0.5, 1],
        "positive": [[0, 1], [0.5, 0.5]],
        "negative": [[1, 0], [0.5, 0.5]],
        "marks": [0.3, 0.4],
        "xlabel": "score",
    },
    "scatter": {
        "names": [EVIL, "b"],
        "positives": [3, 50],
        "values": [0.2, None],
        "low": [0.1, None],
        "high": [0.3, None],
        "ylabel": "F1",
    },
}


def document(**section):
    return {"title": EVIL, "lead": [EVIL], "sections": [{"heading": EVIL, **section}]}


@pytest.mark.parametrize("kind", KINDS)
def test_figures_are_well_formed_and_name_what_they_show(kind):
    svg = draw({"kind": kind, **FIGURES[kind]})
    root = ElementTree.fromstring(svg)
    text = " ".join(root.itertext())
    assert "日本" in text or kind == "changes"
    assert "<script" not in svg
    assert svg == draw({"kind": kind, **FIGURES[kind]})  # the same data, the same file


def test_many_labels_stay_legible():
    few = draw({"kind": "frequencies", "names": list("abc"), "positives": [3, 2, 1]})
    names = [f"label {i}" for i in range(500)]
    many = draw({"kind": "frequencies", "names": names, "positives": list(range(500, 0, -1))})
    assert ">a<" in few
    assert "label 17" not in many
    assert len(many) < 60_000


def test_html_escapes_every_text():
    table = {"columns": [{"title": EVIL}, {"title": "n"}], "rows": [[EVIL, None], ["x", 0.5]]}
    page = to_html(
        document(
            paragraphs=[EVIL],
            table=table,
            figure={"kind": "curves", "caption": EVIL, **FIGURES["curves"]},
        )
    )
    assert "<script" not in page
    assert html.unescape(page).count("alert('x')") >= 7
    assert "<td>–</td>" in page
    assert "<td>0.500</td>" in page


def test_markdown_escapes_names_and_formats_numbers():
    columns = [{"title": "label"}, {"title": "n"}, {"title": "d", "digits": 2, "signed": True}]
    text = to_markdown(
        document(table={"columns": columns, "rows": [[EVIL, 12345, 0.25], ["b", 1, None]]})
    )
    assert "<script" not in text.replace("\\<", "")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)
    assert "| 12,345 | +0.25 |" in rows[2]
    assert rows[3].endswith("| 1 | – |")


@pytest.mark.parametrize("suffix", [".html", ".md", ".json"])
def test_the_suffix_says_how_a_report_is_written(suffix, tmp_path):
    path = write_report(tmp_path / f"report{suffix}", document())
    assert "日本" in path.read_text(encoding="utf-8")
    with pytest.raises(InvalidFile, match=r"Use .html, .md or .json"):
        write_report(tmp_path / "report.pdf", document())
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_unknown_figure_is_refused():
    with pytest.raises(InvalidInput, match="Unknown kind of figure 'pie'"):
        draw({"kind": "pie"})
