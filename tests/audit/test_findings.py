import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise._errors import InvalidInput
from equipoise.audit.check import RULES, check
from equipoise.audit.findings import Audit, Finding, NotApplicable, Passed, page_of, plain

NASTY = '<script>alert("x")</script>'


def finding(code="EQP001", severity="error", **evidence):
    return Finding(code, "a title", severity, "An issue.", evidence, "A remedy.")


def audit(*findings):
    passed, skipped = Passed("EQP900", "kept", "it is"), NotApplicable("EQP901", "skipped", "no x")
    return Audit.from_outcomes(20_000, 4, [passed, *findings, skipped])


def test_sections_and_order():
    made = audit(
        finding("EQP009", "note"),
        finding("EQP003", "warning"),
        finding("EQP008"),
        finding("EQP002"),
    )
    assert made.codes == ("EQP002", "EQP008", "EQP003", "EQP009")
    assert [p.code for p in made.passed] == ["EQP900"]
    assert [n.code for n in made.not_applicable] == ["EQP901"]


def test_text_shows_issue_numbers_remedy_and_page():
    made = audit(
        finding(
            rows=12_345, share=0.123456, names=["a", "b"], shape=[3, 4], yes=True, by={"a": 2.0}
        )
    )
    text = str(made)
    assert "20,000 rows and 4 labels: 1 error, 0 warnings, 0 notes; 1 passed, 1 not" in text
    assert "EQP001 error: a title" in text
    assert "Here: rows 12,345; share 0.1235; names a, b; shape (3, 4); yes yes; by a 2." in text
    assert "What to do: A remedy." in text
    assert "More: docs/findings/EQP001.md" in text
    assert "EQP900  kept  it is" in text
    assert "EQP901  skipped  no x" in text


def test_nothing_found_is_said():
    text = str(audit())
    assert "0 errors, 0 warnings, 0 notes" in text
    assert "Passed" in text


def test_html_escapes_label_names():
    y = np.zeros((40, 2))
    y[::2, 1] = 1
    html = check(y, label_names=[NASTY, "b&b"])._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(&quot;x&quot;)" in html
    assert "EQP011 warning" in html


def test_errors_are_raised_on_request():
    audit(finding(severity="warning"), finding(severity="note")).raise_for_errors()
    message = r"found 2 errors: EQP001 a title; EQP007 a title. An issue. A remedy. See docs/"
    with pytest.raises(InvalidInput, match=message):
        audit(finding(), finding("EQP007"), finding("EQP003", "note")).raise_for_errors()


def test_dictionaries_are_json_and_come_back():
    y = (np.arange(120).reshape(40, 3) % 7 < 2).astype(float)
    made = check(y[:, [0, 0, 1]], sample_weight=[np.nan] * 40, cv=3)
    assert made.codes == ("EQP006", "EQP013")
    payload = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert (payload["kind"], payload["schema_version"]) == ("Audit", 1)
    assert payload["found"][0]["page"] == "docs/findings/EQP006.md"
    restored = Audit.from_dict(payload)
    assert restored.to_dict() == made.to_dict()
    assert str(restored) == str(made)
    with pytest.raises(InvalidInput, match="not a saved Audit"):
        Audit.from_dict({**payload, "kind": "Effect"})
    payload["found"][0]["severity"] = "catastrophe"
    with pytest.raises(InvalidInput, match="severity"):
        Audit.from_dict(payload)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_evidence_is_always_strict_json_and_can_be_shown(value):
    rule = RULES[0]
    found = rule.found("An issue.", "A remedy.", number=value)
    json.dumps(found.evidence, allow_nan=False)
    made = Audit.from_outcomes(1, 1, [found])
    assert str(Audit.from_dict(json.loads(json.dumps(made.to_dict())))) == str(made)


def test_arrays_and_numpy_numbers_become_plain():
    found = plain({"a": np.array([1.5, np.nan]), 3: np.float32(2), "c": (np.int64(4), {5})})
    assert found == {"a": [1.5, None], "3": 2.0, "c": [4, [5]]}
    assert type(found["c"][0]) is int


def test_evidence_of_none_is_left_out():
    assert RULES[0].found("An issue.", "A remedy.", a=None, b=1).evidence == {"b": 1}


def test_pages_go_by_code():
    assert finding("EQP012").page == page_of("EQP012") == "docs/findings/EQP012.md"
