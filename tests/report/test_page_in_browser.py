"""The page in a real browser: it sorts, filters, moves thresholds, prints, and is not fooled."""

import os
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from report_pages import EVIL, FIGURE, document, label, scored, table, thresholds

from equipoise.report import to_html

SHARES = ("precision", "recall", "f1")


def page_of(**section):
    return to_html({"title": "T", "lead": ["L"], "sections": [{"heading": "H", **section}]})


def column(page, number, visible=True):
    """The texts of a column of the first table, from top to bottom."""
    rows = page.locator("tbody tr:visible" if visible else "tbody tr")
    return rows.evaluate_all(f"rows => rows.map(row => row.cells[{number}].textContent)")


def head(page, title):
    return page.get_by_role("columnheader", name=title).get_by_role("button")


def expected_order(rows, number, descending):
    """Indices as Python sorts: stable, None last."""
    there = [i for i, row in enumerate(rows) if row[number] is not None]
    there.sort(key=lambda i: (-1 if descending else 1) * rows[i][number])
    return there + [i for i, row in enumerate(rows) if row[number] is None]


# ---------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("by", ["mouse", "Enter", "Space"])
def test_numbers_sort_as_numbers_and_what_is_missing_comes_last(opened, by):
    content = table(40)
    page = opened(page_of(table=content))
    for number, title in ((1, "rows"), (2, "change")):
        button = head(page, title)
        for direction, descending in (("ascending", False), ("descending", True)):
            if by == "mouse":
                button.click()
            else:
                button.focus()
                page.keyboard.press(by)
            # What is shown to three digits is sorted by what is shown.
            shown = [
                [row[0], row[1], None if row[2] is None else round(row[2], 3)]
                for row in content["rows"]
            ]
            order = expected_order(shown, number, descending)
            assert column(page, 0) == [content["rows"][i][0] for i in order]
            header = page.get_by_role("columnheader", name=title)
            assert header.get_attribute("aria-sort") == direction
        button.click()
        assert column(page, 0) == [row[0] for row in content["rows"]]  # as it was
        assert page.locator("th[aria-sort]").count() == 0


def test_text_sorts_as_people_count(opened):
    rows = [["label 10", 1], ["Label 2", 2], ["label 1", 3], ["ärger", 4], ["zoo", 5]]
    page = opened(page_of(table={"columns": [{"title": "a"}, {"title": "b"}], "rows": rows}))
    head(page, "a").click()
    assert column(page, 0) == ["ärger", "label 1", "Label 2", "label 10", "zoo"]


def test_a_label_called_like_what_is_missing_sorts_by_its_name(opened):
    rows = [["a", "–"], ["–", "x"], ["b", None], ["c", "y"]]
    page = opened(page_of(table={"columns": [{"title": "a"}, {"title": "b"}], "rows": rows}))
    head(page, "a").click()
    assert column(page, 0) == ["–", "a", "b", "c"]
    head(page, "b").click()
    assert column(page, 0)[:2] == ["–", "c"]  # x and y; what shows a dash comes last


def test_the_filter_shows_what_fits_and_says_how_many(opened):
    page = opened(page_of(table=table(40)))
    box = page.get_by_role("searchbox", name="Filter rows")
    box.fill("LABEL 3")
    assert column(page, 0) == ["label 3", *(f"label {i}" for i in range(30, 40))]
    count = page.locator(".tools output")
    assert count.get_attribute("aria-live") == "polite"
    assert count.text_content() == "11 of 40 rows fit"
    head(page, "label").click()
    head(page, "label").click()
    assert column(page, 0)[0] == "label 39"
    box.fill("nothing of this name")
    assert column(page, 0) == []
    box.fill("")
    assert len(column(page, 0)) == 40


def test_a_long_table_begins_short_sorts_whole_and_prints_whole(opened):
    content = table(1000)
    page = opened(page_of(table=content))
    assert column(page, 0) == [f"label {i}" for i in range(50)]
    head(page, "rows").click()
    order = expected_order(content["rows"], 1, False)
    assert column(page, 0) == [f"label {i}" for i in order[:50]]
    page.get_by_role("button", name="Show all 1,000 rows").click()
    assert column(page, 0) == [f"label {i}" for i in order]
    page.get_by_role("button", name="Show the first 50 rows").click()
    assert len(column(page, 0)) == 50
    page.get_by_role("searchbox", name="Filter rows").fill("label 9")
    said = page.locator(".tools output").text_content()
    assert said == "111 of 1,000 rows fit, the first 50 are shown"
    page.emulate_media(media="print")
    assert len(column(page, 0)) == 1000
    assert not page.locator(".tools").is_visible()
    assert not page.locator("nav").is_visible()
    assert page.pdf().startswith(b"%PDF-")


def test_a_table_of_little_more_than_that_is_shown_whole(opened):
    page = opened(page_of(table=table(55)))
    assert len(column(page, 0)) == 55
    assert page.locator(".tools button:visible").count() == 0
    assert page.locator(".tools output").text_content() == "55 of 55 rows shown"


def test_a_wide_table_fits_on_paper(opened):
    columns = [{"title": f"macro-F1 at thresholds, {i}"} for i in range(15)]
    rows = [[f"treatment_with_a_name_{i}", *[0.123] * 15] for i in range(5)]
    page = opened(page_of(table={"columns": [{"title": "treatment"}, *columns], "rows": rows}))
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 within its margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 718


def test_without_scripts_everything_is_there(opened):
    page = opened(to_html(document(rows=1000)), java_script_enabled=False)
    html = page.content()
    assert html.count(">label 999<") == 1
    for selector in (".tools", ".thresholds"):
        assert not page.locator(selector).first.is_visible()
    rows = page.locator("section[aria-labelledby=section-1] tbody tr")
    assert rows.nth(999).is_visible()
    assert page.get_by_role("table", name="Thresholds: table").is_visible()


# ------------------------------------------------------------------------------------ thresholds


def counted(page):
    """The numbers of the panel by their names; None for a dash."""
    shown = page.locator(".thresholds dd").evaluate_all(
        "all => all.map(one => [one.dataset.name, one.firstChild.textContent])"
    )
    return {k: None if v == "–" else float(v.replace(",", "")) for k, v in shown}


def by_numpy(y, scores, cut):
    """The same numbers, from all rows."""
    yes = scores >= cut
    tp, fp = int((yes & (y == 1)).sum()), int((yes & (y == 0)).sum())
    fn, tn = int((~yes & (y == 1)).sum()), int((~yes & (y == 0)).sum())
    return {
        "precision": tp / (tp + fp) if tp + fp else None,
        "recall": tp / (tp + fn) if tp + fn else None,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None,
        "alerts": 1000 * (tp + fp) / len(y),
        "tp": tp,
        "fn": fn,
        "fp": fp,
        "tn": tn,
    }


def assert_counts(page, y, scores):
    cut = float(page.locator(".cut").text_content())
    assert float(page.get_by_role("slider").get_attribute("aria-valuetext")) == cut
    found, expected = counted(page), by_numpy(y, scores, cut)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value is None:
            assert found[name] is None, name
        else:
            digits = 0.0005001 if name in SHARES else 0.05001
            assert found[name] == pytest.approx(value, abs=digits), (name, cut)
    return cut


def test_the_slider_counts_exactly_by_keyboard_and_by_mouse(opened):
    names = ["cat", "dog", "owl"]
    y, scores = scored(3)
    page = opened(page_of(thresholds=thresholds(names)))
    slider = page.get_by_role("slider", name="Threshold")
    select = page.get_by_role("combobox", name="Label")
    said = page.locator("output.said")
    assert said.get_attribute("aria-live") == "polite"
    cuts = set()
    for i, name in enumerate(names):
        select.select_option(label=name)
        reset = page.get_by_role("button", name="Back to the chosen threshold")
        assert assert_counts(page, y[:, i], scores[:, i]) == 0.5  # begins where it was chosen
        assert reset.is_disabled()
        slider.focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "PageUp", "Home", "End", "ArrowDown"):
            page.keyboard.press(key)
            cuts.add(assert_counts(page, y[:, i], scores[:, i]))
        box = slider.bounding_box()
        for share in (0.05, 0.3, 0.77):
            page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
            cut = assert_counts(page, y[:, i], scores[:, i])
            cuts.add(cut)
        assert f"\u2068{name}\u2069 from {cut:g}: " in said.text_content()
        if i == 0:
            left = cut
            continue
        reset.click()
        assert assert_counts(page, y[:, i], scores[:, i]) == 0.5
        assert slider.evaluate("slider => slider === document.activeElement")
    assert len(cuts) > 8
    select.select_option(label="cat")  # each label stays where it was left
    assert assert_counts(page, y[:, 0], scores[:, 0]) == left != 0.5


def test_a_threshold_with_many_digits_is_shown_with_a_few_and_counted_with_all(opened):
    y, scores = scored(1)
    y[: len(y) // 2] = 1
    chosen = float(np.sort(scores[:, 0])[100])  # the row itself is above, by its last digit
    labels = {"labels": [label("cat", scores[:, 0], y[:, 0], chosen)]}
    page = opened(page_of(thresholds=labels))
    assert page.locator(".cut").text_content() == f"{chosen:.5g}"
    found = counted(page)
    assert found["tp"] + found["fp"] == 100


def test_a_label_is_found_among_a_thousand_by_keyboard_alone(opened):
    names = [f"label {i}" for i in range(1000)]
    page = opened(page_of(thresholds=thresholds(names, n_rows=20)))
    page.get_by_role("searchbox", name="Find a label").focus()
    page.keyboard.type("label 77")
    options = page.locator(".thresholds option").all_text_contents()
    assert options == ["label 77", *(f"label 77{i}" for i in range(10))]
    assert page.locator(".found").text_content() == "11 of 1,000 labels fit"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.locator("select option:checked").text_content() == "label 770"
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    y, scores = scored(1000, n_rows=20)
    assert_counts(page, y[:, 770], scores[:, 770])
    assert "label 770\u2069 from" in page.locator("output.said").text_content()
    page.get_by_role("searchbox", name="Find a label").fill("no such label")
    assert page.locator("input[type=range]").is_disabled()
    page.get_by_role("searchbox", name="Find a label").fill("")
    assert page.locator("input[type=range]").is_enabled()


# -------------------------------------------------------------------------------------- security


def test_names_stay_names(opened):
    rows = [[name, i, 0.5] for i, name in enumerate(EVIL)]
    columns = [{"title": EVIL[2]}, {"title": EVIL[3]}, {"title": EVIL[0]}]
    series = [{"title": name, "x": [0, 1], "y": [1, 0.1]} for name in EVIL]
    hostile = {
        "title": EVIL[4],
        "lead": EVIL,
        "sections": [
            {
                "heading": name,
                "group": EVIL[1] if i % 2 else None,
                "paragraphs": EVIL,
                "code": EVIL,
                "table": {"columns": columns, "rows": rows},
                "figure": {**FIGURE, "caption": name, "series": series},
                "thresholds": thresholds(EVIL, n_rows=20),
            }
            for i, name in enumerate(EVIL)
        ],
    }
    page = opened(to_html(hostile))
    for button in page.locator("thead button").all()[:3]:
        button.click()
    select = page.locator("select").first
    page.locator("tbody th").first.hover()
    for i, name in enumerate(EVIL):
        select.select_option(index=i)
        said = page.locator("output.said").first.text_content()
        assert said.startswith(f"\u2068{name}\u2069 from ")
    assert page.evaluate("window.hacked") is None
    assert page.title() == " ".join(EVIL[4].split())
    scripts = page.locator("script").evaluate_all("all => all.map(one => one.type)")
    assert scripts == ["application/json"] * len(EVIL) + [""]
    foreign = "img, iframe, object, embed, link, base, form, b:not(.key b), a:not([href^='#'])"
    assert page.locator(foreign).count() == 0
    handlers = page.evaluate(
        "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes])"
        ".filter(a => a.name.startsWith('on')).length"
    )
    assert handlers == 0
    first = page.locator("tbody").first.locator("th").all_text_contents()
    assert first == EVIL


def test_a_script_that_is_not_ours_does_not_run(browser, tmp_path):
    """The policy holds even if some text should once slip through."""
    slipped = "<script>window.hacked = 1</script><b onclick='window.hacked = 2'>x</b>"
    path = tmp_path / "page.html"
    path.write_text(page_of(paragraphs=["HERE"]).replace("HERE", slipped), encoding="utf-8")
    context = browser.new_context()
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    page.locator("p b").click()
    assert page.evaluate("window.hacked") is None
    context.close()
    assert len(said) == 2
    assert all("Content Security Policy" in message for message in said)


# --------------------------------------------------------------------------------- accessibility


def test_the_structure_is_one_that_screen_readers_can_follow(opened):
    page = opened(to_html(document(rows=40)))
    assert page.locator("html").get_attribute("lang") == "en"
    levels = page.locator("h1,h2,h3,h4,h5,h6").evaluate_all("all => all.map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for landmark in ("banner", "navigation", "main"):
        assert page.get_by_role(landmark).count() == 1
    ids = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    named = page.locator("[aria-labelledby]").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-labelledby'))"
    )
    links = page.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href').slice(1))")
    used = page.locator("[for]").evaluate_all("all => all.map(one => one.getAttribute('for'))")
    assert {*named, *links, *used} <= set(ids)
    for kind in ("input", "select"):
        for field in page.locator(kind).all():
            assert field.evaluate("field => field.labels.length") == 1
    for one in page.locator("table").all():
        assert one.locator("caption").text_content().strip()
        assert one.locator("thead th:not([scope=col])").count() == 0
        assert one.locator("tbody tr").count() == one.locator("tbody th[scope=row]").count()
    pictures = page.get_by_role("img")
    assert pictures.count() == 2
    assert pictures.first.get_attribute("aria-label") == FIGURE["caption"]
    # What scrolls can be reached with the keyboard, and has a name.
    assert page.locator(".wide[tabindex='0'][role=region][aria-labelledby]").count() == (
        page.locator(".wide").count()
    )


def test_the_keyboard_reaches_the_content_and_every_control(opened):
    page = opened(to_html(document(rows=40)))
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    assert skip.evaluate("link => link === document.activeElement")
    assert skip.bounding_box()["x"] >= 0  # shown while it has the focus
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        one = page.evaluate("document.activeElement.outerHTML.slice(0, 40)")
        if one.startswith("<body"):  # the end of the page
            break
        reached.add(one)
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", one  # the focus can be seen
    shown = page.locator("button:visible:enabled, input:visible, select:visible, .wide")
    wanted = {text[:40] for text in shown.evaluate_all("all => all.map(one => one.outerHTML)")}
    assert wanted <= reached


def luminance(colour):
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(a, b):
    """The ratio of WCAG 2.2: from 1 to 21."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_in_dark(opened, scheme):
    page = opened(to_html(document(rows=40)), color_scheme=scheme)
    selectors = "h1 p li a td th caption figcaption label output dt dd button pre .key .cut b"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (luminance(ground) < 0.1) == (scheme == "dark")
    pairs = page.evaluate(
        """selectors => selectors.flatMap(selector =>
            [...document.querySelectorAll(selector)].slice(0, 5).map(one => {
                let behind = one;
                const clear = 'rgba(0, 0, 0, 0)';
                while (getComputedStyle(behind).backgroundColor === clear && behind.parentElement)
                    behind = behind.parentElement;
                return [selector, getComputedStyle(one).color,
                        getComputedStyle(behind).backgroundColor];
            }))""",
        [s for s in selectors.split() if s != "caption"],
    )
    assert len(pairs) > 30
    for selector, colour, behind in pairs:
        assert contrast(colour, behind) >= 4.5, (selector, colour, behind)
    for line in ("precision", "recall", "f1"):
        colour = page.locator(f"polyline.{line}").evaluate("one => getComputedStyle(one).stroke")
        assert contrast(colour, ground) >= 3, line  # of graphics


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("light", {"color_scheme": "light"}),
        ("dark", {"color_scheme": "dark"}),
        ("narrow", {"viewport": {"width": 400, "height": 800}}),
    ],
)
def test_a_picture_of_the_page_is_kept(opened, tmp_path, name, options):
    long = "a_name_without_any_place_to_break_" * 6
    page = opened(to_html(document(["cat", long, "owl"], rows=40)), **options)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"]  # the page itself never scrolls sideways
    folder = Path(os.environ.get("EQUIPOISE_ARTEFACTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    picture = page.screenshot(path=folder / f"report-{name}.png", full_page=True)
    assert len(picture) > 20_000
