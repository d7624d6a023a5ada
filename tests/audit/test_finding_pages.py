import ast
import doctest
import re
from pathlib import Path

import pytest

import equipoise
from equipoise.audit.check import RULES
from equipoise.audit.findings import page_of

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "findings"


def page(code):
    return (ROOT / page_of(code)).read_text(encoding="utf-8")


def parameters():
    for name in [*(rule.code for rule in RULES), "README"]:
        text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
        marks = [pytest.mark.keras] if "keras" in text.lower() else []
        yield pytest.param(name, text, id=name, marks=marks)


@pytest.mark.filterwarnings("ignore:.*received `from_logits=True`:UserWarning")
@pytest.mark.parametrize(("name", "text"), list(parameters()))
def test_the_numbers_of_a_page_are_true(name, text):
    parsed = doctest.DocTestParser().get_doctest(text, {}, name, f"{name}.md", 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(parsed, out=report.append)
    assert parsed.examples
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_has_a_page_of_one_form(rule):
    text = page(rule.code)
    assert text.startswith(f"# {rule.code}: {rule.title}\n\nSeverity: {rule.severity}")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["How it arises", "Remedy", "When to ignore it"]
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for block in blocks:
        if ">>>" not in block:
            ast.parse(block)
    assert len(text.splitlines()) < 70


def test_the_index_lists_every_page_once():
    text = (PAGES / "README.md").read_text(encoding="utf-8")
    listed = re.findall(
        r"^\| \[(EQP\d+)\]\((EQP\d+)\.md\) \| (\w+) \| (.+) \|$", text, re.MULTILINE
    )
    assert listed == [(r.code, r.code, r.severity, r.title) for r in RULES]
    assert {path.stem for path in PAGES.glob("EQP*.md")} == {r.code for r in RULES}


def test_what_pages_and_remedies_name_exists():
    source = "".join(path.read_text(encoding="utf-8") for path in PAGES.glob("*.md"))
    audit = ROOT / "src" / "equipoise" / "audit"
    source += "".join(path.read_text(encoding="utf-8") for path in audit.glob("rules_*.py"))
    names = set(re.findall(r"\beq\.([A-Za-z_]+(?:\.[A-Za-z_]+)*)", source))
    assert len(names) > 10
    for name in sorted(names):
        found = equipoise
        for part in name.split("."):
            assert hasattr(found, part), f"eq.{name}"
            found = getattr(found, part)
