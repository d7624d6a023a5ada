import base64
import hashlib
import html
import json
import math
import re
from copy import deepcopy
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_pages import EVIL as EVIL_NAMES
from report_pages import FIGURE, thresholds
from report_pages import document as whole_document

from equipoise._errors import InvalidFile, InvalidInput
from equipoise.report import to_fragment, to_html, to_markdown, to_text, write_report
from equipoise.report.check import check_document
from equipoise.report.figures import KINDS, THIN_LINES, draw
from equipoise.report.page import embedded

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
    assert page.count("<script") == page.count("</script>") == 1  # ours
    assert html.unescape(page).count("alert('x')") >= 7
    assert "<td>–</td>" in page
    assert "<td>0.500</td>" in page


def test_the_policy_names_the_one_script_by_its_bytes():
    page = to_html(document())
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    directives = html.unescape(policy[1]).split("; ")
    assert directives[:2] == ["default-src 'none'", f"script-src 'sha256-{digest}'"]


def test_a_page_asks_for_nothing_from_outside():
    page = to_html(document(thresholds=thresholds([EVIL, "b"]), figure=FIGURE))
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r"@import|url\((?!#)|src=", page)


names = st.text(max_size=20) | st.sampled_from(EVIL_NAMES)


@given(st.dictionaries(names, st.lists(names | st.integers() | st.floats(allow_nan=False))))
def test_embedded_data_comes_back_and_cannot_end_the_script(data):
    finite = st_finite(data)
    text = embedded(finite)
    assert json.loads(text) == finite
    assert text.isascii()
    assert not set(text) & set("<>&")


def st_finite(data):
    return {k: [0 if x in (float("inf"), -float("inf")) else x for x in v] for k, v in data.items()}


class Tags(HTMLParser):
    """The tags of a page and the names of their attributes, in order."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [name for name, _ in attrs]))

    def handle_endtag(self, tag):
        self.found.append(tag)

    def handle_comment(self, data):
        self.found.append("comment")


@settings(max_examples=30, deadline=None)
@given(st.lists(names, min_size=3, max_size=3, unique=True))
def test_whatever_names_say_the_page_has_the_same_elements(called):
    def page(names):
        rows = [[name, 1] for name in names]
        columns = [{"title": names[0]}, {"title": names[1]}]
        section = {
            "heading": names[0],
            "group": names[1],
            "paragraphs": names,
            "code": names,
            "table": {"columns": columns, "rows": rows},
            "thresholds": thresholds(names, n_rows=5),
        }
        return to_html({"title": names[2], "lead": names, "sections": [section]})

    assert Tags(page(called)).found == Tags(page(["cat", "dog", "owl"])).found


def test_neighbouring_sections_of_a_group_stand_under_its_heading():
    sections = [
        {"heading": "All"},
        {"heading": "Data", "group": "yeast", "code": ["a_b *c*"]},
        {"heading": "Labels", "group": "yeast"},
        {"heading": "Data", "group": "enron"},
    ]
    whole = {"title": "T", "lead": [], "sections": sections}
    lines = to_markdown(whole).splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        "# T",
        "## All",
        "## yeast",
        "### Data",
        "### Labels",
        "## enron",
        "### Data",
    ]
    assert "    a_b *c*" in lines  # as it is to be run
    assert "yeast: Labels\n-------------\n" in to_text(whole)
    fragment = to_fragment(whole)
    assert "<h4>yeast: Labels</h4>" in fragment
    assert "<pre>a_b *c*</pre>" in fragment
    page = to_html(whole)
    assert re.findall(r"<h(\d) id=[^>]*>(\w+)<", page) == [
        ("2", "All"),
        ("2", "yeast"),
        ("3", "Data"),
        ("3", "Labels"),
        ("2", "enron"),
        ("3", "Data"),
    ]


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


def test_a_figure_has_its_caption_for_a_name():
    figure = {"kind": "curves", "caption": 'say "a" & <b>', **FIGURES["curves"]}
    root = ElementTree.fromstring(draw(figure))
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'say "a" & <b>'


def test_two_figures_of_a_page_share_no_names_of_parts():
    found = []
    for caption in ("one", "two"):
        svg = draw({"kind": "curves", "caption": caption, **FIGURES["curves"]})
        names = re.findall(r'\bid="([^"]+)"', svg)
        assert set(re.findall(r"""(?:url\(|href=")#([^)"]+)""", svg)) <= set(names)
        found.append(set(names))
    assert found[0]
    assert not found[0] & found[1]


def test_every_line_is_named_and_a_figure_without_any_is_drawn():
    curves = {"kind": "curves", "xlabel": "recall", "ylabel": "precision"}
    series = [{"title": "_hidden", "x": [0, 1], "y": [1, 0.1]}]
    assert "_hidden" in draw({**curves, "series": series})
    assert draw({**curves, "series": []}).count("recall") == 1


def test_of_a_thousand_labels_curves_show_where_most_are():
    x = [i / 100 for i in range(101)]
    series = [{"title": f"label {i}", "x": x, "y": x} for i in range(1000)]
    bundle = FIGURES["bundle"] | {"series": series, "named": ["label 3"]}
    many = draw({"kind": "bundle", **bundle})
    few = draw({"kind": "bundle", **bundle, "series": series[:THIN_LINES]})
    assert "80%, and half, of labels" in many
    assert "80%, and half, of labels" not in few
    assert len(many) < 60_000


@pytest.mark.parametrize("n_labels", [1, 61])
def test_labels_without_any_positive_can_be_drawn(n_labels):
    names, nothing = [f"label {i}" for i in range(n_labels)], [0] * n_labels
    assert "<svg" in draw({"kind": "frequencies", "names": names, "positives": nothing})
    points = {"names": names, "positives": nothing, "values": [None] * n_labels, "ylabel": "AP"}
    assert "<svg" in draw({"kind": "scatter", **points, "low": None, "high": None})


def test_more_series_than_markers_can_be_drawn():
    series = [{"title": f"series {i}", "values": [i + 1]} for i in range(9)]
    svg = draw({"kind": "dots", "names": ["label"], "xlabel": "weight", "series": series})
    assert "series 8" in svg


def test_what_is_no_document_is_refused_by_its_place():
    check_document(whole_document())
    for path, value, message in (
        (["title"], 3, "`title` must be text"),
        (["lead"], "text", "`lead` must be a list of texts"),
        (["sections"], {}, "`sections` must be a list"),
        (["sections", 0], "x", r"`sections\[0\]` must be a mapping"),
        (["sections", 0, "tabel"], {}, r"Unknown key `sections\[0\].tabel`.*table"),
        (["sections", 0, "heading"], None, r"`sections\[0\].heading` must be text"),
        (["sections", 0, "group"], 1, r"`sections\[0\].group` must be text"),
        (["sections", 0, "code"], [1], r"`sections\[0\].code` must be a list of texts"),
        (["sections", 0, "table"], [], r"`sections\[0\].table` must be a mapping"),
        (["sections", 0, "table", "columns"], ["a"], r"table.columns` must be a list of"),
        (["sections", 0, "table", "columns", 0, "digits"], -1, r"table.columns` must be a list of"),
        (["sections", 0, "table", "rows", 0], [1, 2], r"table.rows` must be a list of 3"),
        (["sections", 0, "table", "rows", 0, 1], {}, r"table.rows` must be a list of 3"),
        (["sections", 1, "figure", "kind"], "pie", "Unknown kind of figure 'pie'"),
        (["sections", 1, "figure", "caption"], None, r"figure` must be a mapping with kind and"),
        (["sections", 1, "figure", "series"], [{}], r"figure` cannot be drawn. Received: KeyError"),
        (["sections", 2, "thresholds", "labels"], [], r"thresholds.labels` must be a list"),
        (["sections", 2, "thresholds", "labels", 0, "name"], 1, r"labels\[0\].name` must be text"),
        (["sections", 2, "thresholds", "labels", 0, "tp"], ["1"], r"tp` must be a list of numbers"),
        (["sections", 2, "thresholds", "labels", 0, "fp"], [1], r"tp and fp of the same length"),
        (["sections", 2, "thresholds", "labels", 0, "chosen"], 99, r"chosen` must be the index"),
        (["sections", 2, "thresholds", "labels", 0, "positives"], None, "positives` must be a num"),
        (["sections", 2, "thresholds", "labels", 0, "cuts", 0], math.inf, "only hold finite numb"),
        (["sections", 0, "table", "rows", 0, 1], math.nan, "only hold finite numbers.*null"),
        (["title"], "half of \ud83d", "whole characters.*surrogates"),
    ):
        broken = deepcopy(whole_document())
        place = broken
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        with pytest.raises(InvalidInput, match=message):
            check_document(broken)
