"""Documents for the tests of pages, with everything that a page can hold."""

import numpy as np

# Names that try to become something else: markup, script, attributes, formulas, line ends.
EVIL = [
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 1</script>",
    '" onmouseover="window.hacked = 1',
    "'><img src=x onerror='window.hacked = 1'>",
    "</title></style></textarea>--><svg onload=window.hacked=1>",
    "a\u2028window.hacked = 1\u2029b",
    "{{ 7 * 7 }} {% raw %} ${7 * 7}",
    "=HYPERLINK(1)|`x`&lt;b&gt;&amp;",
    "日本語 \u202eabc",
    "$x_1^2$ \\frac{1}{2}",
]


def label(name, scores, y, chosen, n_cuts=30):
    """What a page needs of one label, counted naively."""
    cuts = np.unique([*np.round(np.linspace(scores.min(), scores.max(), n_cuts), 4), chosen])
    reached = scores[None, :] >= cuts[:, None]
    return {
        "name": name,
        "positives": int(y.sum()),
        "negatives": int((1 - y).sum()),
        "cuts": cuts.tolist(),
        "tp": (reached & (y == 1)).sum(axis=1).tolist(),
        "fp": (reached & (y == 0)).sum(axis=1).tolist(),
        "chosen": int(np.searchsorted(cuts, chosen)),
    }


def scored(n_labels, n_rows=200, seed=0):
    """(N, L) labels and scores; the last label has no positive."""
    rng = np.random.default_rng(seed)
    scores = rng.random((n_rows, n_labels))
    y = (rng.random(scores.shape) < scores * np.linspace(0.9, 0.1, n_labels)).astype(int)
    y[:, -1] = 0
    return y, scores


def thresholds(names, chosen=0.5, **size):
    y, scores = scored(len(names), **size)
    return {"labels": [label(n, scores[:, i], y[:, i], chosen) for i, n in enumerate(names)]}


def table(n_rows, seed=0):
    """A table with a text, a whole number, and a number that is sometimes missing."""
    rng = np.random.default_rng(seed)
    numbers = [None if i % 7 == 3 else float(v) for i, v in enumerate(rng.normal(size=n_rows))]
    wholes = (10 ** rng.uniform(0, 6, n_rows)).astype(int).tolist()
    return {
        "columns": [{"title": "label"}, {"title": "rows"}, {"title": "change", "signed": True}],
        "rows": [[f"label {i}", wholes[i], numbers[i]] for i in range(n_rows)],
    }


FIGURE = {
    "kind": "curves",
    "caption": "The best precision at each recall.",
    "series": [{"title": "a", "x": [0, 1], "y": [1, 0.1]}],
    "xlabel": "recall",
    "ylabel": "precision",
}


def document(names=("cat", "dog", "owl"), rows=8):
    """One document with every part, in two groups and outside."""
    return {
        "title": "A report",
        "lead": ["Nothing helps.", "But thresholds do."],
        "sections": [
            {"heading": "Leaderboard", "paragraphs": ["In short."], "table": table(rows)},
            {"heading": "Curves", "figure": FIGURE},
            {
                "heading": "Thresholds",
                "thresholds": thresholds(names),
                "table": {"columns": [{"title": "label"}], "rows": [[n] for n in names]},
            },
            {"heading": "Data", "group": "yeast", "table": table(5)},
            {"heading": "More", "group": "yeast", "code": ["equipoise compare DATA"]},
            {"heading": "Data", "group": "enron", "figure": {**FIGURE, "caption": "Another."}},
        ],
    }
