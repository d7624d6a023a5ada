"""Where the ones are: the compiled loop against its twin, and against NumPy."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from equipoise._kernels import SMALL
from equipoise._kernels.ones import positions_of_ones, positions_of_ones_numpy


@pytest.mark.parametrize("shape", [(SMALL // 7, 9), (SMALL, 1), (3, SMALL)])
@pytest.mark.parametrize("rate", [0.0, 0.05, 1.0])
def test_positions_of_ones(shape, rate):
    values = (np.random.default_rng(0).random(shape) < rate).astype(np.uint8)
    for array in (values, np.asfortranarray(values), values[::2]):
        for found, wanted in zip(
            positions_of_ones(array), positions_of_ones_numpy(array), strict=True
        ):
            assert_array_equal(found, wanted)
            assert found.dtype == wanted.dtype
        indptr, columns = positions_of_ones(array)
        rows, wanted = np.nonzero(array)
        assert_array_equal(columns, wanted)
        assert_array_equal(np.repeat(np.arange(len(array)), np.diff(indptr)), rows)
