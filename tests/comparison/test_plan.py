"""Plans: read from TOML, refused by key, run over several data sets."""

import json
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from equipoise._errors import InvalidFile, InvalidInput, Undefined
from equipoise._store import Store
from equipoise.comparison import DataSource, Plan, Survey, compare
from equipoise.readers import read
from equipoise.training import TREATMENTS, TrainingOptions, Treatment

pytestmark = pytest.mark.keras

PLAN = """
title = "Two sets"
cv = 2
repeats = 1
seeds = [0, 1]
metrics = ["macro_ap", "ece"]
treatments = [
    "none",
    { name = "balanced" },
    { name = "mild", weights = "balanced", weight_options = { power = 0.5 } },
]

[training]
max_epochs = 2
hidden_units = 4
batch_size = 16

[[data]]
path = "films.csv"
labels = "lab_*"

[[data]]
name = "books"
path = ["sub/book*.csv"]
labels = "lab_*"
"""


def table(path, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 2)).round(3)
    y = (X + rng.normal(size=(40, 2)) > 0.2).astype(int)
    path.parent.mkdir(exist_ok=True)
    rows = [",".join(map(str, [*x, *labels])) for x, labels in zip(X, y, strict=True)]
    path.write_text("a,b,lab_x,lab_y\n" + "\n".join(rows) + "\n", encoding="utf-8")


@pytest.fixture
def plan(tmp_path):
    table(tmp_path / "films.csv", 0)
    table(tmp_path / "sub" / "book_1.csv", 1)
    table(tmp_path / "sub" / "book_2.csv", 2)
    path = tmp_path / "plan.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def test_a_plan_says_what_it_says(plan):
    read_plan = Plan.from_toml(plan)
    assert [s.name for s in read_plan.data] == ["films", "books"]
    assert [p.name for p in read_plan.data[1].files()] == ["book_1.csv", "book_2.csv"]
    assert [t.name for t in read_plan.treatments] == ["none", "balanced", "mild"]
    assert read_plan.treatments[1] == TREATMENTS["balanced"]
    assert read_plan.training == TrainingOptions(max_epochs=2, hidden_units=4, batch_size=16)
    assert read_plan.seeds == (0, 1)
    assert read_plan.n_cells == 2 * 2 * 2 * 3
    assert read_plan == Plan.from_toml(plan)
    with pytest.raises(FrozenInstanceError):
        read_plan.cv = 3


def test_a_plan_runs_over_all_its_data_and_goes_on(plan, tmp_path):
    told = []
    survey = Plan.from_toml(plan).run(
        store=tmp_path / "store", on_cell=lambda name, cell, total: told.append((name, total))
    )
    assert told == [("films", 24)] * 12 + [("books", 24)] * 12
    assert len(Store(tmp_path / "store")) == 24
    films = read(tmp_path / "films.csv", labels="lab_*")
    options = TrainingOptions(max_epochs=2, hidden_units=4, batch_size=16)
    folds = [
        compare(films.x, films.targets, ["none"], cv=2, options=options, random_state=seed)
        for seed in (0, 1)
    ]
    ours = survey.comparisons["films"].values("log_loss")["none"]
    theirs = np.concatenate([f.values("log_loss")["none"] for f in folds])
    np.testing.assert_array_equal(ours, theirs)

    ranks, average = survey.ranks("macro_ap")
    assert ranks.n_sets == 2
    assert sum(average.values()) == pytest.approx(6)
    means = survey.means()
    assert means.columns == ["treatment", "films", "books", "average rank"]
    assert means["average rank"].is_sorted()
    verdict = survey.verdict()
    assert verdict[0].startswith("Macro average precision over 2 data sets: the treatments")
    assert any(s.startswith("films. Macro average precision: ") for s in verdict)

    told.clear()
    again = Plan.from_toml(plan).run(
        store=tmp_path / "store", on_cell=lambda name, cell, total: told.append(cell.restored)
    )
    assert told == [True] * 24
    assert again.to_dict() == survey.to_dict()

    path = survey.to_json(tmp_path / "survey.json")
    assert Survey.from_json(path).to_dict() == survey.to_dict()
    for suffix, group in (("html", ">books</h2>"), ("md", "\n## books\n")):
        text = survey.report(tmp_path / f"report.{suffix}", "Two sets").read_text(encoding="utf-8")
        assert "all data sets" in text
        assert group in text
    payload = json.loads(path.read_text())
    del payload["failures"]
    with pytest.raises(InvalidInput, match="incomplete: 'failures'"):
        Survey.from_dict(payload)


def test_a_data_set_that_cannot_be_compared_leaves_the_others(plan, tmp_path):
    (tmp_path / "films.csv").write_text("a,b,lab_x,lab_y\n1,2,1\n", encoding="utf-8")
    survey = Plan.from_toml(plan).run()
    assert list(survey.comparisons) == ["books"]
    assert "films.csv" in survey.failures["films"]
    assert survey.verdict()[0].startswith("films could not be compared: ")
    assert survey.ranks() is None
    survey.report(tmp_path / "report.html")
    for name in ("book_1", "book_2"):
        (tmp_path / "sub" / f"{name}.csv").write_text("a,lab_x\n1,0\n", encoding="utf-8")
    with pytest.raises(Undefined, match="No data set could be compared. films: "):
        Plan.from_toml(plan).run()


def test_a_missing_file_is_told_before_the_work(plan, tmp_path):
    (tmp_path / "sub" / "book_1.csv").unlink()
    (tmp_path / "sub" / "book_2.csv").unlink()
    told = []
    with pytest.raises(InvalidFile, match=r"'books' has no file '.*book\*.csv'"):
        Plan.from_toml(plan).run(on_cell=lambda *arguments: told.append(arguments))
    assert told == []


def test_a_damaged_store_ends_the_run(plan, tmp_path):
    (tmp_path / "store").write_text("no store")
    with pytest.raises(InvalidFile, match="store' is damaged"):
        Plan.from_toml(plan).run(store=tmp_path / "store")


def test_paths_may_name_the_environment(plan, tmp_path, monkeypatch):
    text = PLAN.replace('"films.csv"', '"$FILMS_FOLDER/films.csv"')
    plan.write_text(text, encoding="utf-8")
    monkeypatch.delenv("FILMS_FOLDER", raising=False)
    with pytest.raises(InvalidFile, match="FILMS_FOLDER, which is not set"):
        Plan.from_toml(plan)
    monkeypatch.setenv("FILMS_FOLDER", str(tmp_path))
    assert Plan.from_toml(plan).data[0].files() == [tmp_path / "films.csv"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cv = 2", "cvs = 2", "Unknown key `cvs`. Did you mean 'cv'"),
        ("cv = 2", "cv = 1", "`cv` must be a whole number of at least 2"),
        ("cv = 2", 'cv = "2"', "`cv` must be a whole number"),
        ("cv = 2", "cv = 2\ncv = 3", "is not a TOML file: Cannot overwrite"),
        ("repeats = 1", "prune = 'macro_f2'", "`prune` must be one of"),
        ("repeats = 1", "title_ = 'x'", "Did you mean 'title'"),
        ("seeds = [0, 1]", "seeds = [0, 0]", "`seeds` holds the same name more than once"),
        ("seeds = [0, 1]", "seeds = 0", "`seeds` must be a list"),
        ("seeds = [0, 1]", "seeds = [-1]", "`seeds` must be a whole number"),
        ('"ece"]', '"ecce"]', "Did you mean 'ece'"),
        ('"none",', '"nonne",', "Unknown treatment 'nonne'. Did you mean 'none'"),
        ('"none",', "7,", r"`treatments\[0\]` must be a table"),
        ('"none",', "{ loss = 'Focal' },", r"`treatments\[0\].name` must be text"),
        ('"none",', '"mild",', "Unknown treatment 'mild'"),
        ('{ name = "balanced" }', '{ name = "none" }', "`treatments` holds the same name"),
        ('weights = "balanced"', 'weights = "balnced"', "Did you mean 'balanced'"),
        ('weights = "balanced"', 'wieghts = "balanced"', r"`treatments\[2\].wieghts`. Did you m"),
        ('weights = "balanced"', 'loss = "Focl"', "unknown `loss`. .*Did you mean 'Focal'"),
        ('weights = "balanced"', 'resampler = "MLSMTE"', "Did you mean 'MLSMOTE'"),
        ("max_epochs = 2", "max_epoch = 2", "`training.max_epoch`. Did you mean 'max_epochs'"),
        ("max_epochs = 2", "max_epochs = 0", "`max_epochs` must be a whole number"),
        ('path = "films.csv"', 'file = "films.csv"', "`data.path` must be a path"),
        ('labels = "lab_*"\n\n', 'lables = "lab_*"\n\n', "`data.lables`. Did you mean 'labels'"),
        ('name = "books"', 'name = "films"', "`data` holds the same name"),
        ('name = "books"', "name = 3", "`data.name` must be text"),
        (PLAN, "data = 3", "`data` must be a list"),
        (PLAN, "data = []", "`data` is empty"),
        (PLAN, "cv = 5", "`data` is missing"),
        (PLAN, "data = [", "is not a TOML file"),
    ],
)
def test_what_no_plan_can_say_is_told_by_its_key(plan, old, new, message):
    assert old in PLAN
    plan.write_text(PLAN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InvalidFile, match=message) as told:
        Plan.from_toml(plan)
    assert re.search(r"plan\.toml", str(told.value))


def test_a_plan_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(InvalidFile, match=r"Cannot read '.*none\.toml'"):
        Plan.from_toml(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidFile, match="is not a TOML file"):
        Plan.from_toml(tmp_path / "bytes.toml")


def test_a_plan_in_python():
    source = DataSource(("a.csv",), {"labels": "x"})
    made = Plan([source], ["none"])
    assert made.data == (source,)
    assert made.treatments == (TREATMENTS["none"],)
    with pytest.raises(InvalidInput, match="must be text"):
        Plan([source], title=3)


def test_the_plan_of_the_nine_sets_reads(monkeypatch):
    monkeypatch.setenv("EQUIPOISE_DATA", "somewhere")
    nine = Plan.from_toml(Path(__file__).parents[2] / "examples" / "plan.toml")
    assert len(nine.data) == 9
    assert len(nine.treatments) >= 10


def test_pruning_gives_up_what_clearly_loses():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 2)).astype(np.float32)
    y = (X + 0.3 * rng.normal(size=(240, 2)) > 0.2).astype(int)
    options = TrainingOptions(max_epochs=6, hidden_units=8, batch_size=16, learning_rate=0.02)
    heavy = Treatment("hopeless", loss_options={"positive_weight": [1000.0, 1000.0]})
    told = []
    result = compare(
        X,
        y,
        ["none", "balanced", heavy],
        cv=5,
        options=options,
        prune="log_loss_raw",
        on_cell=lambda cell, total: told.append(total),
    )
    assert result.pruned() == {"hopeless": 3}
    assert len(result.cells) == 13
    assert told == [15] * 9 + [13] * 4
    table = {row["treatment"]: row["folds"] for row in result.table().to_dicts()}
    assert table == {"none": 5, "balanced": 5, "hopeless": 3}
    assert "hopeless after 3 folds" in result.verdict()[0]
    assert result.differences("macro_ap")["hopeless"].n_folds == 3
    with pytest.raises(InvalidInput, match="`prune` must be one of"):
        compare(X, y, ["none"], cv=2, prune="nothing")
