"""Cells that fail: each is an outcome with its reason, and the rest of the table is there."""

import json

import keras
import numpy as np
import pytest

from equipoise._errors import Undefined
from equipoise.comparison import Comparison, compare
from equipoise.comparison.document import document
from equipoise.training import TrainingOptions, Treatment

pytestmark = pytest.mark.keras


def linear(n_features, n_labels):
    return keras.Sequential([keras.layers.Input((n_features,)), keras.layers.Dense(n_labels)])


def test_a_treatment_that_raises_is_named_and_the_others_are_there(small, quick, tmp_path):
    bad = Treatment("no <such>", loss="Focl")
    result = compare(*small, ["balanced", bad, "weighted_categorical"], cv=2, options=quick)
    failures = result.failures()
    assert set(failures) == {"no <such>", "weighted_categorical"}
    assert "Did you mean 'Focal'?" in failures["no <such>"][0]
    assert "classes that exclude each other" in failures["weighted_categorical"][1]
    table = {row["treatment"]: row for row in result.table().to_dicts()}
    assert table["no <such>"]["macro_f1_tuned"] is None
    assert (table["no <such>"]["folds"], table["no <such>"]["failed"]) == (0, 2)
    assert (table["balanced"]["folds"], table["balanced"]["failed"]) == (2, 0)
    assert table["balanced"]["difference"] is not None
    assert result.ranked()[-2:] == ["no <such>", "weighted_categorical"]
    assert result.verdict()[0].startswith("Failed: no <such> on every fold (Treatment 'no")
    heading = document(result, "x")["sections"][1]
    assert heading["heading"] == "What failed"
    assert len(heading["table"]["rows"]) == 4
    html = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "no &lt;such&gt;" in html
    again = Comparison.from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False)))
    assert again.failures() == failures
    assert again.verdict() == result.verdict()


def test_one_fold_that_fails_leaves_the_others_to_be_compared(small, quick):
    calls = []

    def build(n_features, n_labels):
        calls.append(1)
        if len(calls) == 4:  # fold 1, "balanced"
            raise RuntimeError("out\nof luck")
        return linear(n_features, n_labels)

    result = compare(*small, ["none", "balanced"], cv=3, options=quick, build_model=build)
    assert result.failures() == {"balanced": {1: "RuntimeError: out of luck"}}
    assert result.differences("macro_ap")["balanced"].n_folds == 2
    none, balanced = (result.values("macro_ap")[n] for n in ("none", "balanced"))
    assert np.isnan(balanced).tolist() == [False, True, False]
    wanted = (balanced - none)[[0, 2]].mean()
    assert result.differences("macro_ap")["balanced"].mean == pytest.approx(wanted)
    assert "balanced on 1 of 3 folds (RuntimeError: out of luck)" in result.verdict()[0]
    assert len(result.label_differences("balanced")) == 2


def test_a_baseline_that_fails_leaves_a_table_without_differences(small, quick):
    def build(n_features, n_labels):
        calls.append(1)
        if len(calls) % 2 == 1:
            raise ValueError
        return linear(n_features, n_labels)

    calls = []
    result = compare(*small, ["none", "balanced"], cv=2, options=quick, build_model=build)
    assert result.failures() == {"none": {0: "ValueError", 1: "ValueError"}}
    assert result.differences("macro_ap") == {}
    assert "none was measured on no fold, so there is nothing to compare" in " ".join(
        result.verdict()
    )
    assert result.best() == "balanced"
    document(result, "x")


def test_a_loss_that_becomes_nan_says_so(small):
    steep = TrainingOptions(max_epochs=3, hidden_units=4, batch_size=16, learning_rate=1e38)
    with pytest.raises(Undefined, match="No treatment could be trained.*NaN.*diverged"):
        compare(*small, ["none"], cv=2, options=steep)


def test_columns_without_any_value_and_without_any_variation_are_no_failure(small, quick):
    X, y = small
    wide = np.column_stack([X, np.full(60, np.nan), np.zeros(60)])
    result = compare(wide, y, ["none"], cv=2, options=quick)
    assert result.failures() == {}


def test_a_label_that_a_training_part_lacks_is_no_failure(quick):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    y = np.column_stack([X[:, 0] > 0, np.arange(40) >= 20]).astype(int)
    halves = [(np.arange(20), np.arange(20, 40))]
    result = compare(X, y, ["balanced", "logit_adjusted"], cv=halves, options=quick)
    assert "none" not in result.failures()


def test_interrupts_are_never_taken_for_a_failure(small, quick):
    def build(n_features, n_labels):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(*small, ["none"], cv=2, options=quick, build_model=build)


def test_an_encoder_that_fails_is_the_outcome_of_its_fold(small, quick):
    from sklearn.preprocessing import FunctionTransformer

    def broken(X):
        if len(X) == 60:
            raise TypeError("no such thing")
        return X

    with pytest.raises(Undefined, match="The encoder failed. TypeError: no such thing"):
        compare(*small, ["none"], cv=2, options=quick, encoder=FunctionTransformer(broken))
