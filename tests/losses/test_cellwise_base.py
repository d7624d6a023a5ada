import copy
import json
import pickle

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops
from loss_helpers import (
    BACKEND,
    Exponential,
    batch,
    cells_of,
    crossentropy,
    data,
    model_of,
    number,
    reference_cells,
    value_and_grad,
)
from scipy import sparse

from equipoise import LabelWeights
from equipoise._errors import InvalidInput, Undefined
from equipoise.losses import WeightedBinaryCrossentropy

pytestmark = pytest.mark.keras

SHAPE = (4, 3)
few = settings(max_examples=10, deadline=None)
labels = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0, 0.25, np.nan, -1.0]))
logits = hnp.arrays(np.float32, SHAPE, elements=st.floats(-5, 5, width=32))
counts = hnp.arrays(np.int64, SHAPE, elements=st.integers(0, 3))


# ------------------------------------------------------------------------------- the formula


@few
@given(labels, logits)
def test_a_subclass_writes_two_formulas(y, z):
    loss = Exponential(
        slope=[1.0, 2.0, 0.5],
        positive_weight=[2.0, 3.0, 4.0],
        label_weight=[1.0, 0.5, 1.0],
        from_logits=True,
        reduction="none",
    )
    slope, positive = np.array([1.0, 2.0, 0.5]), np.array([2.0, 1.5, 4.0])
    negative = np.array([1.0, 0.5, 1.0])
    known = y >= 0
    y_known = np.where(known, y, 0.0)
    wanted = y_known * positive * np.exp(-slope * z) + (1 - y_known) * negative * np.exp(slope * z)
    np.testing.assert_allclose(cells_of(loss, y, z), np.where(known, wanted, 0), rtol=1e-5)


def test_all_numbers_per_label_can_be_picked_by_position():
    loss = Exponential(slope=[1.0, 2.0, 0.5], positive_weight=[2.0, 3.0, 4.0], from_logits=True)
    y, z = data((5, 3))
    position = [2, 0]
    p = {
        name: ops.convert_to_tensor(values[position], dtype="float32")
        for name, values in loss.label_parameters.items()
    }
    picked = loss.cell_losses(
        ops.convert_to_tensor(y[:, position]), ops.convert_to_tensor(z[:, position]), p
    )
    whole = ops.convert_to_numpy(loss.call(y, z))[:, position]
    np.testing.assert_allclose(ops.convert_to_numpy(picked), whole, rtol=1e-6)


# ---------------------------------------------------------------- unknown labels, reductions


@few
@given(labels, logits)
def test_the_sum_over_known_cells_is_the_sum_without_the_unknown(y, z):
    known = y >= 0
    for loss in (crossentropy("sum"), Exponential(from_logits=True, reduction="sum")):
        value, gradient = value_and_grad(loss, y, z)
        dropped = 0.0
        for row in range(len(y)):
            for label in np.flatnonzero(known[row]):
                single = type(loss)(
                    from_logits=True,
                    reduction="sum",
                    **({"slope": [1.0]} if isinstance(loss, Exponential) else {}),
                )
                dropped += number(single(y[row : row + 1, [label]], z[row : row + 1, [label]]))
        assert value == pytest.approx(dropped, rel=1e-5, abs=1e-6)
        assert np.isfinite(gradient).all()
        assert (gradient[~known] == 0).all()


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
@pytest.mark.parametrize("unknown", [np.nan, -1.0])
def test_a_batch_of_which_nothing_is_known_costs_nothing(loss_class, reduction, unknown):
    loss = loss_class(from_logits=True, reduction=reduction)
    value, gradient = value_and_grad(loss, np.full(SHAPE, unknown), data(SHAPE)[1])
    assert value == 0.0
    assert (gradient == 0).all()


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
def test_an_empty_batch_costs_nothing(loss_class, reduction):
    loss = loss_class(from_logits=True, reduction=reduction)
    assert number(loss(np.zeros((0, 3)), np.zeros((0, 3), dtype="float32"))) == 0.0


@few
@given(labels, logits, counts)
def test_reductions(y, z, weight):
    cells, known = reference_cells(y, z), y >= 0
    total = (cells * weight).sum()
    over_known = total / max((weight * known).sum(), 1)
    weight = weight.astype("float32")
    for reduction, wanted in [
        ("sum", total),
        ("sum_over_batch_size", total / cells.size),
        ("mean", total / cells.size),
        ("mean_with_sample_weight", over_known),
    ]:
        value = number(crossentropy(reduction)(y, z, weight))
        assert value == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    for reduction in ("none", None):
        np.testing.assert_allclose(
            cells_of(crossentropy(reduction), y, z, weight), cells * weight, rtol=1e-5
        )


def test_the_mean_over_known_cells_without_sample_weights():
    y, z = data(SHAPE)
    y[0, 1] = y[2, 2] = np.nan
    value = number(crossentropy("mean_with_sample_weight")(y, z))
    assert value == pytest.approx(reference_cells(y, z)[y >= 0].mean(), rel=1e-6)


def test_batches_add_up():
    y, z = data((6, 3))
    y[:2] = np.nan  # unevenly known
    whole = number(crossentropy()(y, z))
    parts = [number(crossentropy()(y[rows], z[rows])) for rows in (slice(0, 2), slice(2, 6))]
    assert whole == pytest.approx((2 * parts[0] + 4 * parts[1]) / 6, rel=1e-6)


@few
@given(labels, logits, hnp.arrays(np.int64, SHAPE[0], elements=st.integers(0, 3)))
def test_a_row_of_weight_w_counts_w_times(y, z, times):
    loss = crossentropy("sum")
    rows = np.repeat(np.arange(len(y)), times)
    repeated = number(loss(y[rows], z[rows])) if len(rows) else 0.0
    assert number(loss(y, z, times)) == pytest.approx(repeated, rel=1e-5, abs=1e-6)


def test_call_returns_cells_for_users_of_the_keras_base_class(loss_class):
    y, z = data(SHAPE)
    loss = loss_class(from_logits=True)
    cells = ops.convert_to_numpy(loss.call(y, z))
    assert cells.shape == SHAPE
    assert cells.mean() == pytest.approx(number(loss(y, z)), rel=1e-6)


# ------------------------------------------------------------------------------- Keras' fit


def test_fit_with_sparse_labels():
    x, y = batch()
    model = model_of(3)
    model.compile(keras.optimizers.SGD(0.0), loss=crossentropy())
    dense = model.fit(x, y, batch_size=12, verbose=0).history["loss"]
    fitted = model.fit(x, sparse.csr_array(y), batch_size=12, verbose=0).history["loss"]
    assert fitted == pytest.approx(dense, rel=1e-6)


def test_fit_one_label_given_without_its_axis():
    x, y = batch(n_labels=1)
    model = model_of(1)
    model.compile(keras.optimizers.SGD(0.0), loss=crossentropy())
    column = model.fit(x, y, batch_size=12, verbose=0).history["loss"]
    fitted = model.fit(x, y[:, 0], batch_size=12, verbose=0).history["loss"]
    assert fitted == pytest.approx(column, rel=1e-6)


@pytest.mark.parametrize("shape", [(12,), (12, 1), (12, 3)])
@pytest.mark.parametrize("jit_compile", [True, False])
def test_fit_with_sample_weights(shape, jit_compile):
    if BACKEND == "torch" and jit_compile:
        pytest.skip("torch.compile builds C++ code; see test_torch_compile")
    x, y = batch()
    y[3, 1] = np.nan
    weight = np.random.default_rng(2).random(shape).astype("float32")
    model = model_of(3)
    model.compile(keras.optimizers.SGD(0.0), loss=crossentropy(), jit_compile=jit_compile)
    cells = reference_cells(y, ops.convert_to_numpy(model(x)))
    wanted = (cells * weight.reshape(12, -1)).mean()
    fitted = model.fit(x, y, sample_weight=weight, batch_size=12, verbose=0).history["loss"][0]
    assert fitted == pytest.approx(wanted, rel=1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="torch.compile")
def test_torch_compile():
    import torch

    y, z = data(SHAPE)
    y[0, 0] = np.nan
    for loss, activation in [
        (crossentropy(positive_weight=[2.0, 1.0, 3.0]), lambda x: x),
        (WeightedBinaryCrossentropy(positive_weight=[2.0, 1.0, 3.0]), keras.activations.sigmoid),
    ]:
        compiled = torch.compile(lambda y, z, f=activation, c=loss: c(y, f(z)), backend="eager")
        value = number(compiled(torch.tensor(y), torch.tensor(z)))
        assert value == pytest.approx(reference_cells(y, z, [2.0, 1.0, 3.0]).mean(), rel=1e-5)


# ------------------------------------------------------------------------------------ saving


def test_config_is_plain_and_complete(loss_class):
    loss = loss_class(
        positive_weight=np.array([1.0, 2.5, 0.3]),
        label_weight=(1, 2, 3),
        label_names=["a", "日本", "c"],
        from_logits=True,
        reduction="sum",
        name="mine",
    )
    config = loss.get_config()
    assert json.loads(json.dumps(config, allow_nan=False)) == config
    y, z = data(SHAPE)
    restored = keras.losses.deserialize(json.loads(json.dumps(keras.losses.serialize(loss))))
    for other in (loss_class.from_config(config), restored, copy.deepcopy(loss)):
        assert type(other) is loss_class
        assert other.get_config() == config
        assert number(other(y, z)) == number(loss(y, z))
    assert pickle.loads(pickle.dumps(loss)).get_config() == config


def test_weights_are_saved_as_lists_with_their_names():
    weights = LabelWeights.from_class_weight(
        {"cat": {0: 1.0, 1: 2.5}, "dog": {0: 0.5, 1: 10.0}}, label_names=["cat", "dog"]
    )
    config = WeightedBinaryCrossentropy(weights).get_config()
    assert config["positive_weight"] == [2.5, 10.0]
    assert config["negative_weight"] == [1.0, 0.5]
    assert config["label_names"] == ["cat", "dog"]


def test_a_compiled_model_is_saved_and_goes_on_training(loss_class, tmp_path):
    x, y = batch()
    model = model_of(3)
    model.compile("adam", loss=loss_class(positive_weight=[1.0, 2.0, 3.0], from_logits=True))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is loss_class
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(
        model.evaluate(x, y, verbose=0), rel=1e-6
    )
    loaded.fit(x, y, verbose=0)


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive_weight": [1.0, -2.0]}, "`positive_weight` must not hold negative weights.*-2"),
        ({"negative_weight": [1.0, np.inf]}, "`negative_weight` must hold finite.*inf.*absent"),
        ({"label_weight": [np.nan]}, "`label_weight` must hold finite numbers"),
        ({"positive_weight": 2.0}, r"list of numbers.*shape=\(\).*\[2.5\] \* n_labels"),
        ({"positive_weight": [[1.0, 2.0]]}, r"list of numbers.*shape=\(1, 2\)"),
        ({"positive_weight": []}, r"list of numbers.*shape=\(0,\)"),
        ({"positive_weight": {0: 1.0}}, "must hold one number per label"),
        ({"positive_weight": ["many"]}, "must hold one number per label"),
        (
            {"positive_weight": [1.0, 2.0], "negative_weight": [1.0]},
            "`negative_weight` has 1 entries but `positive_weight` has 2",
        ),
        (
            {"positive_weight": [1.0, 2.0], "label_weight": [1.0, 1.0, 1.0]},
            "`label_weight` has 3 entries but `positive_weight` has 2",
        ),
        ({"positive_weight": [1.0], "label_names": ["a", "b"]}, "`label_names` has 2 names"),
        ({"label_names": ["a", "a"]}, "same name more than once"),
        ({"weights": {0: 2.5}}, "must be a LabelWeights.*dictionary.*from_class_weight"),
        ({"weights": [1.0, 2.0]}, "must be a LabelWeights.*list.*from_targets"),
        ({"reduction": "average"}, "`reduction` must be one of"),
        ({"reduction": "summ"}, "Did you mean 'sum'"),
        ({"from_logits": "yes"}, "`from_logits` must be one of"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        WeightedBinaryCrossentropy(**options)


@pytest.mark.parametrize("argument", ["positive_weight", "negative_weight", "label_weight"])
def test_weights_are_given_once(argument):
    weights = LabelWeights.from_targets([[1, 0], [0, 1]])
    with pytest.raises(InvalidInput, match=f"`weights` and `{argument}` are two ways"):
        WeightedBinaryCrossentropy(weights, **{argument: [1.0, 1.0]})


@pytest.mark.parametrize("length", [1, 2, 7])
def test_weights_of_other_labels_are_refused(length):
    y, z = data((32, 5))
    loss = WeightedBinaryCrossentropy(positive_weight=[1.0] * length, from_logits=True)
    message = (
        rf"`positive_weight` has {length} entries but `y` has 5 labels\. Received: "
        rf"positive_weight\.shape=\({length},\), y\.shape=\(32, 5\)\. "
        r"Compute it from the same columns: LabelWeights\.from_targets\(y_train\)\."
    )
    with pytest.raises(InvalidInput, match=message):
        loss(y, z)
    weights = LabelWeights(np.ones(length), np.ones(length), tuple("abcdefg")[:length])
    with pytest.raises(InvalidInput, match=f"`weights` has {length} entries"):
        WeightedBinaryCrossentropy(weights)(y, z)


def test_one_weight_goes_with_one_label():
    y, z = data((4, 1))
    loss = crossentropy("none", positive_weight=[3.0])
    np.testing.assert_allclose(cells_of(loss, y, z), reference_cells(y, z, 3.0), rtol=1e-5)


def test_a_loss_without_a_link_says_what_to_do_instead():
    with pytest.raises(Undefined, match="Exponential has no inverse link.*Calibrator"):
        Exponential().to_probability([[0.0, 0.0, 0.0]])
