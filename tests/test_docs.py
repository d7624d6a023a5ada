"""Every number in the documentation is computed."""

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if ">>> " in p.read_text(encoding="utf-8"))

pytestmark = pytest.mark.keras


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_examples_of_the_documentation_run(page):
    failures, attempted = doctest.testfile(
        str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert attempted
    assert not failures


def test_the_answer_to_the_question_is_among_them():
    assert DOCS / "explain" / "class_weight.md" in PAGES
