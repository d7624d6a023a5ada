import pytest
from loss_helpers import Exponential

from equipoise.losses import WeightedBinaryCrossentropy


@pytest.fixture(params=[WeightedBinaryCrossentropy, Exponential], ids=lambda c: c.__name__)
def loss_class(request):
    return request.param
