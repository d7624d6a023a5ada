import numpy as np
import pytest


@pytest.fixture
def write(tmp_path):
    """Writes text or bytes into a file of the given name."""

    def write(content, name):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def dense():
    """Features as a dense array, whatever they are."""
    return lambda x: x if isinstance(x, np.ndarray) else x.toarray()
