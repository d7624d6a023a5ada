import json

import keras
import numpy as np
import pytest
from finding_cases import CASES, SCORES, WEIGHTS, Y, model, resampled, two_outputs
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

import equipoise as eq
from equipoise._errors import InvalidInput
from equipoise.audit.check import RULES, check
from equipoise.audit.findings import Finding, NotApplicable, Passed


def outcome_of(audit, code):
    (outcome,) = (o for o in [*audit.found, *audit.passed, *audit.not_applicable] if o.code == code)
    return outcome


def kind_of(outcome):
    if isinstance(outcome, Finding):
        return outcome.severity
    return {Passed: "passed", NotApplicable: "not applicable"}[type(outcome)]


def matches(found, expected):
    """Whether two values, or what dictionaries and lists hold, are equal to three digits."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            matches(found[k], expected[k]) for k in found
        )
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(matches, found, expected))
    if isinstance(expected, (str, bool)):
        return found == expected
    return found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("case", [case.parameter() for case in CASES])
def test_each_rule_speaks_when_it_should_and_only_then(case):
    audit = check(**case.arguments())
    outcome = outcome_of(audit, case.code)
    by_backend = "warning" if keras.backend.backend() == "tensorflow" else "error"
    assert kind_of(outcome) == (by_backend if case.outcome == "by backend" else case.outcome)
    text = f"{outcome.issue} {outcome.remedy}" if isinstance(outcome, Finding) else outcome.why
    assert case.says.lower() in text.lower()
    for key, value in case.evidence.items():
        assert matches(outcome.evidence[key], value), (key, outcome.evidence[key])
    json.dumps(audit.to_dict(), allow_nan=False)


def test_every_rule_has_a_case_that_triggers_it_and_one_that_does_not():
    quiet = {"passed", "not applicable"}
    triggered = {case.code for case in CASES if case.outcome not in quiet}
    silent = {case.code for case in CASES if case.outcome in quiet}
    assert triggered == silent == {rule.code for rule in RULES}


def test_codes_are_numbered_without_gaps():
    assert [rule.code for rule in RULES] == [f"EQP{i:03d}" for i in range(1, len(RULES) + 1)]
    assert len({rule.title for rule in RULES}) == len(RULES)


@pytest.mark.keras
def test_a_clean_case_finds_nothing():
    built = model(metrics=["binary_accuracy", "AUC"])
    audit = check(
        Y,
        built,
        y_score=SCORES,
        cv=eq.model_selection.MultilabelStratifiedKFold(2, random_state=0),
        validation_data=(None, Y),
        sample_weight=None,
    )
    assert audit.found == []
    audit.raise_for_errors()
    assert len(audit.passed) + len(audit.not_applicable) == len(RULES)
    weighted = model(loss=eq.losses.WeightedBinaryCrossentropy(positive_weight=[2, 3, 4]))
    assert check(Y, weighted, sample_weight=np.ones(Y.shape)).found == []


@pytest.mark.keras
def test_the_example_of_the_question():
    rng = np.random.default_rng(0)
    y = rng.random((20_000, 4)) < [0.1, 0.025, 0.05, 0.0125]
    audit = check(y, class_weight={0: 2.5, 1: 10.0, 2: 5.0, 3: 20.0}, label_names=list("abcd"))
    assert audit.codes == ("EQP001",)
    evidence = audit.found[0].evidence
    assert evidence["asked"] == {"a": 2.5, "b": 10.0, "c": 5.0, "d": 20.0}
    assert evidence["effective_ratio"] == pytest.approx(
        {"a": 0.84, "b": 3.3, "c": 1.7, "d": 6.1}, rel=0.05
    )
    assert evidence["rows_without_labels"] == pytest.approx(0.82 * 20_000, rel=0.01)


@pytest.mark.parametrize("form", ["list", "sparse", "frame", "targets", "label sets"])
def test_forms_of_y_are_read_alike(form):
    import pandas as pd

    forms = {
        "list": Y.astype(int).tolist(),
        "sparse": sparse.csr_matrix(Y),
        "frame": pd.DataFrame(Y, columns=["label_0", "label_1", "label_2"]),
        "targets": eq.as_targets(Y),
        "label sets": [{f"label_{i}" for i in np.flatnonzero(row)} for row in Y],
    }
    kfold = eq.model_selection.MultilabelStratifiedKFold(2, random_state=0)
    expected = check(Y, cv=kfold, sample_weight=np.ones(40)).to_dict()
    found = check(forms[form], cv=kfold, sample_weight=np.ones(40)).to_dict()
    assert found == expected


@pytest.mark.parametrize("marker", [np.nan, -1, None])
def test_unknown_labels_are_counted_whatever_marks_them(marker):
    y = Y.astype(object)
    y[:6, 2] = marker
    audit = check(y, cv=7)
    known = Y[6:, 2].sum()
    assert outcome_of(audit, "EQP011").why.endswith(f"are {int(min(known, *Y.sum(0)))}")


def test_sparse_minus_plus_and_soft_targets_are_read():
    full = sparse.csr_array(2 * Y - 1)
    assert check(full).codes == ("EQP009",)
    soft = sparse.csr_array(0.9 * Y)
    assert outcome_of(check(soft, class_weight={}), "EQP015").evidence["soft_cells"] == Y.sum()


@pytest.mark.keras
def test_several_outputs_are_checked_one_by_one():
    built = two_outputs(
        loss={"a": "binary_crossentropy", "b": keras.losses.BinaryCrossentropy(from_logits=True)},
        metrics={"a": ["accuracy"], "b": ["AUC"]},
    )
    assert check(Y, built, output="a").codes == ("EQP023",)
    assert check(Y[:, :2], built, output="b").codes == ("EQP029",)
    by_list = two_outputs(loss=["binary_crossentropy", "mse"], metrics=[["accuracy"], None])
    assert check(Y, by_list, output="a").codes == ("EQP023",)
    assert check(Y[:, :2], by_list, output="b").codes == ()
    with pytest.raises(InvalidInput, match=r"several outputs.*output='a'"):
        check(Y, built)
    with pytest.raises(InvalidInput, match=r"no output 'c'.*(Did you mean|Known)"):
        check(Y, built, output="c")
    with pytest.raises(InvalidInput, match=r"array.*check\(y\['name'\]"):
        check({"a": Y, "b": Y}, built)


@pytest.mark.keras
def test_activations_are_found_wherever_they_are():
    layers, ops = keras.layers, keras.ops
    inputs = layers.Input((4,))
    hidden = layers.Dense(3)(inputs)
    from_logits = keras.losses.BinaryCrossentropy(from_logits=True)
    inner = keras.Sequential([layers.Input((4,)), layers.Dense(3, "sigmoid")])
    timed = layers.Input((5, 4))
    outputs = {
        "layer": (inputs, layers.Activation("sigmoid")(hidden)),
        "operation": (inputs, ops.sigmoid(hidden)),
        "heads": (
            inputs,
            layers.Concatenate()([layers.Dense(1, "sigmoid")(inputs) for _ in range(3)]),
        ),
        "reshaped": (inputs, layers.Reshape((3,))(layers.Activation("sigmoid")(hidden))),
        "nested": (inputs, inner(inputs)),
        "wrapped": (timed, layers.TimeDistributed(layers.Dense(3, "sigmoid"))(timed)),
    }
    for name, (start, end) in outputs.items():
        built = keras.Model(start, end)
        built.compile(loss=from_logits)
        y = np.stack([Y] * 5, axis=1) if name == "wrapped" else Y
        assert "EQP016" in check(y, built).codes, name
    mixed = layers.Concatenate()([layers.Dense(1, "sigmoid")(inputs), layers.Dense(2)(inputs)])
    built = keras.Model(inputs, mixed)
    built.compile(loss=from_logits)
    assert isinstance(outcome_of(check(Y, built), "EQP016"), NotApplicable)


@pytest.mark.keras
def test_what_cannot_be_read_is_not_applicable():
    class Unsaved(keras.metrics.Metric):
        def get_config(self):
            raise NotImplementedError

    built = model(metrics=["accuracy"])
    built.compile(loss="binary_crossentropy", metrics=["accuracy", Unsaved()])
    assert "cannot be read" in outcome_of(check(Y, built), "EQP023").why
    uncompiled = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    audit = check(Y, uncompiled)
    assert audit.found == []
    assert outcome_of(audit, "EQP017").why == "the model is not compiled"

    class Own(keras.Sequential):
        def compute_loss(self, *arguments, **options):
            return keras.ops.zeros(())

    own = Own([keras.layers.Input((4,)), keras.layers.Dense(3)])
    own.compile(loss="binary_crossentropy")
    assert "computes its loss by itself" in outcome_of(check(Y, own), "EQP017").why
    unbuilt = keras.Sequential([keras.layers.Dense(3)])
    unbuilt.compile(loss="binary_crossentropy")
    assert isinstance(outcome_of(check(Y, unbuilt), "EQP022"), NotApplicable)


@pytest.mark.keras
def test_the_model_is_left_as_it_was():
    built = model(metrics=["accuracy", keras.metrics.AUC(multi_label=True)])
    before = built.get_compile_config(), [w.tolist() for w in built.get_weights()]
    check(Y, built, WEIGHTS, y_score=SCORES, sample_weight=np.ones(40))
    assert (built.get_compile_config(), [w.tolist() for w in built.get_weights()]) == before
    assert [m.name for m in built.metrics] == ["loss", "compile_metrics"]


@pytest.mark.keras
def test_data_sets_are_refused_as_labels():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, i):
            return Y, Y

    with pytest.raises(InvalidInput, match="Batches.*take the labels out"):
        check(Batches())


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(1, 4)),
        elements=st.sampled_from([0.0, 1.0, np.nan, -1.0, 0.3]),
    ),
    st.integers(2, 4),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_every_matrix_is_audited_or_refused(y, n_folds, weighted):
    options = {"sample_weight": np.ones(y.shape), "validation_data": (y, y)} if weighted else {}
    if (y == -1).any() and (y == 0.3).any():  # -1 for unknown or for negative: not to be told
        with pytest.raises(InvalidInput, match="0 and 1"):
            check(y)
        return
    audit = check(y, cv=n_folds, **options)
    payload = audit.to_dict()
    json.dumps(payload, allow_nan=False)
    assert len(audit.found) + len(audit.passed) + len(audit.not_applicable) == len(RULES)
    assert ("EQP015" in {p.code for p in audit.passed}) == ("EQP015" not in audit.codes)


def test_rules_are_ignored_on_request():
    duplicated = Y[:, [0, 0, 1]]
    assert check(duplicated).codes == ("EQP013",)
    audit = check(duplicated, ignore=["EQP013"])
    assert audit.codes == ()
    assert outcome_of(audit, "EQP013").why == "left out on request"
    with pytest.raises(InvalidInput, match=r"no rule 'EQP13'.*Did you mean 'EQP013'"):
        check(Y, ignore="EQP13")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": np.zeros((0, 3))}, "no rows"),
        ({"y": np.array([[0.0, 7.0]])}, r"must hold 0 and 1.*7\.0"),
        ({"y": {"a": Y}}, "labels of one output"),
        ({"y": iter(Y)}, "labels of one output"),
        ({"y": "labels"}, "labels of one output.*str"),
        ({"y": None}, "labels of one output.*NoneType"),
        ({"y": Y, "label_names": "abc"}, "must be a list of names"),
        ({"y": Y, "label_names": ["a"]}, "1 names but there are 3"),
        ({"y": Y, "model": "model"}, "must be a Keras model.*str"),
        ({"y": Y, "output": "a"}, "names an output of a model"),
        ({"y": Y, "class_weight": [1, 2, 3]}, r"dictionary.*list.*dict\(enumerate"),
        ({"y": Y, "sample_weight": 1.0}, r"one entry per row.*\(\)"),
        ({"y": Y, "sample_weight": [1.0, 2.0]}, r"one entry per row.*\(2,\).*\(40, 3\)"),
        ({"y": Y, "sample_weight": ["a"] * 40}, "must hold numbers"),
        ({"y": Y, "y_score": Y[:, :2]}, r"shape of `y`.*\(40, 2\)"),
        ({"y": Y, "y_score": np.full(Y.shape, np.nan)}, "finite numbers.*120"),
        ({"y": Y, "cv": 1}, "`cv` must be a whole number of at least 2"),
        ({"y": Y, "cv": "five"}, r"pair \(train, test\)"),
        ({"y": Y, "cv": []}, "number of folds"),
        ({"y": Y, "cv": object()}, "number of folds"),
        ({"y": Y, "cv": [([0], [40])]}, "from 0 to 39"),
        ({"y": Y, "cv": [([0.5], [1])]}, "from 0 to 39"),
        ({"y": Y, "validation_split": 1.5}, "validation_split"),
        ({"y": Y, "validation_data": (Y,)}, r"\(x, y\) or \(x, y, sample_weight\).*1 entries"),
        ({"y": Y, "batch_size": 0}, "`batch_size` must be"),
        ({"y": Y, "X": Y[1:]}, "different numbers of rows.*39 rows in `X` and 40"),
        ({"y": Y, "X": {}}, "`X` must have rows"),
        ({"y": Y, "X": [object()] * 40, "cv": 2, "validation_data": (3, Y)}, "`X` must be an arr"),
        ({"y": Y, "sampling": "MLROS"}, "fitted resampler.*str.*Call fit_resample first"),
        ({"y": Y, "sampling": eq.resampling.MLROS()}, "fitted resampler.*MLROS"),
        ({"y": Y[:, :2], "sampling": resampled()["sampling"]}, "3 labels, and 2 labels"),
        ({"y": Y, "sampling": resampled()["sampling"]}, "that the resampler returned.*40.*50"),
        ({"y": Y, "correction": 2.0}, r"Correction.*float"),
        ({"y": Y, "correction": eq.decision.Correction(shift=[0.0, 1.0])}, "for the 3 labels"),
    ],
)
def test_wrong_input_is_refused(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        check(**arguments)


def test_a_splitter_that_cannot_split_labels_is_named():
    from sklearn.model_selection import StratifiedKFold

    with pytest.raises(InvalidInput, match=r"cannot split this `y`.*StratifiedKFold.*Multilabel"):
        check(Y, cv=StratifiedKFold(2))
    assert check(Y[:, 0], cv=StratifiedKFold(2)).found == []


def test_labels_alone_need_no_keras():
    import subprocess
    import sys

    code = (
        "from equipoise.audit.check import check; import sys;"
        "check([[1, 0], [0, 1], [1, 1], [0, 0]], cv=2, sample_weight=[1, 1, 1, 1]);"
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"keras", "jax", "torch", "tensorflow"} & set(loaded.stdout.split())
