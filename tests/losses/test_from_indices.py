import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops
from loss_cases import CASES
from loss_helpers import BACKEND, model_of, number, value_and_grad

from equipoise import LabelWeights
from equipoise._errors import InvalidInput
from equipoise.losses import ZLPR, DistributionBalanced, FromIndices, WeightedBinaryCrossentropy
from equipoise.losses._indexed import _negative_sums

pytestmark = pytest.mark.keras

ADDING_UP = {
    name: case for name, case in CASES.items() if case.cellwise and case.make().adds_up_over_labels
}
every_loss = pytest.mark.parametrize("case", ADDING_UP.values(), ids=ADDING_UP)
few = settings(max_examples=5, deadline=None)
indices = hnp.arrays(np.int32, (4, 5), elements=st.integers(-1, 2))
logits = hnp.arrays(np.float32, (4, 3), elements=st.floats(-9, 9, width=32))
row_weights = hnp.arrays(np.float32, 4, elements=st.sampled_from([0.0, 1.0, 2.5]))
BOTH = {"positive_weight": [1.0, 2.0, 0.5], "negative_weight": [0.7, 1.0, 3.0]}


def dense(indices, n_labels=3):
    y = np.zeros((*indices.shape[:-1], n_labels), dtype="float32")
    for row in np.ndindex(indices.shape[:-1]):
        y[(*row, indices[row][indices[row] >= 0])] = 1.0
    return y


def array(tensor):
    return ops.convert_to_numpy(tensor)


def crossentropy(**options):
    return WeightedBinaryCrossentropy(from_logits=True, **options)


def assert_equal(sparse, wanted):
    scale = max(1.0, np.abs(wanted[1]).max())
    assert sparse[0] == pytest.approx(wanted[0], rel=1e-5, abs=1e-5)
    np.testing.assert_allclose(sparse[1], wanted[1], rtol=1e-5, atol=1e-7 * scale)


@every_loss
@few
@given(indices, logits, row_weights)
def test_values_and_gradients_are_those_of_the_dense_form(case, indices, z, weight):
    """With duplicates, padding anywhere, and rows of nothing else."""
    for reduction in ("sum_over_batch_size", "mean_with_sample_weight", "sum"):
        loss = case.make(reduction=reduction, **BOTH)
        wanted = value_and_grad(loss, dense(indices), z, weight)
        assert_equal(value_and_grad(FromIndices(loss), indices, z, weight), wanted)


@few
@given(indices, logits)
def test_order_padding_and_duplicates_do_not_matter(indices, z):
    loss = FromIndices(crossentropy(**BOTH))
    value, gradient = value_and_grad(loss, indices, z)
    longer = np.concatenate([indices[:, ::-1], np.full((4, 2), -1), indices], axis=1)
    assert_equal(value_and_grad(loss, longer, z), (value, gradient))


@pytest.mark.parametrize("n_labels", [1, 2, 40])
def test_any_number_of_labels(n_labels):
    rng = np.random.default_rng(0)
    indices = rng.integers(-1, n_labels, (6, 9))
    z = rng.normal(size=(6, n_labels)).astype("float32")
    loss = crossentropy(positive_weight=np.arange(1.0, n_labels + 1))
    wanted = value_and_grad(loss, dense(indices, n_labels), z)
    assert_equal(value_and_grad(FromIndices(loss), indices, z), wanted)


@every_loss
@pytest.mark.parametrize("n_labels", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_sum_over_negatives_is_that_of_the_terms(case, n_labels, weighted):
    """Whether or not cells share a logarithm, which takes 16 labels and no weights."""
    loss = case.make(**BOTH) if weighted else case.make()
    p = {
        name: ops.convert_to_tensor(np.resize(array(values), n_labels))
        for name, values in loss._parameters(ops.zeros((1, 3))).items()
    }
    rng = np.random.default_rng(n_labels)
    for center in (-40.0, -9.0, 0.0, 9.0):  # the sum must not be lost where its terms are tiny
        z = ops.convert_to_tensor(rng.normal(center, 2, (3, n_labels)).astype("float32"))
        terms = array(loss.negative_losses(z, p)) * array(p.get("negative", 1.0))
        wanted = terms.sum(axis=-1, dtype=np.float64)
        np.testing.assert_allclose(array(_negative_sums(loss, z, p)), wanted, rtol=1e-5)


def test_the_sum_over_negatives_of_any_logits_is_finite():
    z = np.repeat(np.float32([[-1e4, 1e4, 0.0, -88.0, 88.0]]), 40, axis=1)
    loss = crossentropy()
    wanted = 40 * (1e4 + np.log(2) + 88)
    assert number(loss.negative_sums(ops.convert_to_tensor(z), {})[0]) == pytest.approx(wanted)


def test_a_large_batch_goes_block_by_block():
    """More cells than one block: rows are evaluated in parts on some backends."""
    rng = np.random.default_rng(0)
    indices = rng.integers(-1, 70_000, (19, 6))
    z = rng.normal(size=(19, 70_000)).astype("float32")
    loss = crossentropy(positive_weight=rng.uniform(1, 100, 70_000))
    wanted = value_and_grad(loss, dense(indices, 70_000), z)
    found = value_and_grad(FromIndices(loss), indices, z)
    assert found[0] == pytest.approx(wanted[0], rel=1e-5)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-5, atol=1e-14)


def test_leading_axes_and_weights_of_rows():
    rng = np.random.default_rng(0)
    indices = rng.integers(-1, 3, (2, 4, 5))
    z = rng.normal(size=(2, 4, 3)).astype("float32")
    loss = crossentropy(**BOTH)
    for shape in [(), (2,), (2, 4), (2, 4, 1), (2, 1, 1)]:
        weight = np.asarray(rng.random(shape), dtype="float32")
        wanted = value_and_grad(loss, dense(indices), z, weight)
        assert_equal(value_and_grad(FromIndices(loss), indices, z, weight), wanted)


def test_probabilities_instead_of_logits():
    rng = np.random.default_rng(0)
    indices, z = rng.integers(-1, 3, (4, 5)), rng.normal(size=(4, 3)).astype("float32")
    loss = WeightedBinaryCrossentropy(**BOTH)
    wanted = value_and_grad(loss, dense(indices), z, activation=keras.activations.sigmoid)
    found = value_and_grad(FromIndices(loss), indices, z, activation=keras.activations.sigmoid)
    assert_equal(found, wanted)


def test_hand_computed_number():
    # Logits 0: log 2 per cell; the one positive weighs 3, the five negatives 1.
    loss = FromIndices(crossentropy(positive_weight=[1.0, 3.0, 1.0], reduction="sum"))
    value = number(loss([[1, 1], [-1, -1]], np.zeros((2, 3), dtype="float32")))
    assert value == pytest.approx(8 * np.log(2), rel=1e-6)


def test_extreme_logits_are_finite():
    z = np.array([[-1e4, 1e4, 0.0], [1e4, -1e4, 30.0]], dtype="float32")
    for case in ADDING_UP.values():
        value, gradient = value_and_grad(FromIndices(case.make()), [[0, 2], [1, -1]], z)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("jit_compile", [True, False])
def test_fit_save_and_load(tmp_path, jit_compile):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 4)).astype("float32")
    indices = rng.integers(-1, 3, (24, 2))
    weight = rng.random(24).astype("float32")
    losses_seen = []
    for y, wrap in [(indices, FromIndices), (dense(indices), lambda loss: loss)]:
        model = model_of(3)
        model.compile(
            keras.optimizers.SGD(0.1),
            loss=wrap(crossentropy(**BOTH)),
            jit_compile=jit_compile and BACKEND != "torch",
        )
        history = model.fit(
            x, y, sample_weight=weight, batch_size=8, epochs=2, shuffle=False, verbose=0
        )
        losses_seen.append(history.history["loss"])
        if wrap is FromIndices:
            model.save(tmp_path / "model.keras")
            loaded = keras.models.load_model(tmp_path / "model.keras")
            assert type(loaded.loss) is FromIndices
            assert loaded.loss.get_config() == model.loss.get_config()
            assert loaded.evaluate(x, y, verbose=0) == pytest.approx(
                model.evaluate(x, y, verbose=0), rel=1e-6
            )
    assert losses_seen[0] == pytest.approx(losses_seen[1], rel=1e-5)


def test_a_compiled_step_leaves_positions_outside_out():
    """Compiled code cannot raise; it counts what lies outside as padding."""
    if BACKEND == "torch":
        pytest.skip("training on Torch is not compiled: the positions are seen and refused")
    x = np.ones((4, 4), dtype="float32")
    values = []
    for y in ([[0, 3, -7], [2, 99, -1]] * 2, [[0, -1, -1], [2, -1, -1]] * 2):
        model = model_of(3)
        model.compile(keras.optimizers.SGD(0.0), loss=FromIndices(crossentropy(**BOTH)))
        values.append(model.fit(x, np.array(y), verbose=0).history["loss"][0])
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_it_has_the_probabilities_and_the_weights_of_its_loss():
    loss = FromIndices(crossentropy(positive_weight=[9.0, 1.0, 1.0], name="mine"))
    assert loss.name == "mine"
    assert loss.to_probability([[0.0, 0.0, 0.0]])[0] == pytest.approx([0.1, 0.5, 0.5])
    assert loss.link.to_dict() == loss.loss.link.to_dict()
    loss.reweigh(LabelWeights([1.0] * 3, [1.0] * 3, ("a", "b", "c")))
    assert loss.to_probability([[0.0, 0.0, 0.0]])[0] == pytest.approx([0.5] * 3)
    rows = ops.convert_to_numpy(loss.call([[1], [-1]], np.zeros((2, 3), dtype="float32")))
    np.testing.assert_allclose(rows, 3 * np.log(2), rtol=1e-6)


@pytest.mark.skipif(BACKEND != "jax", reason="XLA tells how many bytes a program touches")
def test_it_moves_at_most_three_fifths_of_the_memory():
    import jax

    loss, shape = crossentropy(positive_weight=np.full(100_000, 2.0)), (512, 100_000)

    def program(function, y):
        z = jax.ShapeDtypeStruct(shape, "float32")
        step = jax.value_and_grad(lambda z, y: function(y, z))
        return jax.jit(step).lower(z, y).compile()

    whole = program(loss, jax.ShapeDtypeStruct(shape, "float32"))
    sparse = program(FromIndices(loss), jax.ShapeDtypeStruct((512, 10), "int32"))
    moved = [p.cost_analysis()["bytes accessed"] for p in (whole, sparse)]
    assert moved[1] <= 0.6 * moved[0]
    peak = [
        p.memory_analysis().temp_size_in_bytes + p.memory_analysis().argument_size_in_bytes
        for p in (whole, sparse)
    ]
    assert peak[1] <= 0.6 * peak[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ZLPR(), "adds up over labels.*ZLPR"),
        (lambda: "binary_crossentropy", "adds up over labels.*'binary_crossentropy'"),
        (lambda: keras.losses.BinaryCrossentropy(), "adds up over labels.*BinaryCrossentropy"),
        (lambda: DistributionBalanced(prevalence=[0.1]), "adds up.*rebalance=False"),
        (lambda: crossentropy(reduction="none"), "no cells to return.*reduction='none'"),
        (lambda: crossentropy(reduction=None), "no cells to return.*reduction=None"),
    ],
)
def test_other_losses_are_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        FromIndices(make())


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[0, 3], [1, -1]], "positions from 0 to 2.*Received: 3.*not a 0/1 matrix"),
        ([[0, -2], [1, -1]], "positions from 0 to 2.*Received: -2"),
        ([[0.5], [1.0]], "positions from 0 to 2.*Received: 0.5"),
        ([[np.nan], [1.0]], "positions from 0 to 2.*Received: nan"),
        ([0, 1], r"one row of label positions.*y.shape=\(2,\)"),
        ([[0], [1], [2]], r"one row of label positions.*y.shape=\(3, 1\), y_pred.shape=\(2, 3\)"),
        ([[[0]], [[1]]], "one row of label positions"),
    ],
)
def test_wrong_positions_are_refused(y, message):
    with pytest.raises(InvalidInput, match=message):
        FromIndices(crossentropy())(np.array(y), np.zeros((2, 3), dtype="float32"))


def test_weights_of_cells_and_of_other_labels_are_refused():
    z = np.zeros((2, 3), dtype="float32")
    loss = FromIndices(crossentropy())
    with pytest.raises(InvalidInput, match=r"no place for a `sample_weight` per cell.*\(2, 3\)"):
        loss([[0], [1]], z, np.ones((2, 3)))
    with pytest.raises(InvalidInput, match="`sample_weight` does not fit"):
        loss([[0], [1]], z, np.ones((3,)))
    with pytest.raises(InvalidInput, match="`positive_weight` has 2 entries but `y` has 3 labels"):
        FromIndices(crossentropy(positive_weight=[1.0, 2.0]))([[0], [1]], z)
