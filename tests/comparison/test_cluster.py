"""The same call in processes and on a Dask cluster, of which workers are killed."""

import os
import signal
import sys
import warnings

import joblib
import pytest

from equipoise._errors import Undefined
from equipoise.comparison import compare

pytestmark = pytest.mark.keras


@pytest.mark.filterwarnings("ignore")  # those of libraries starting in worker processes
def test_a_cell_that_kills_its_worker_fails_and_the_others_are_there(small, quick, tmp_path):
    started = tmp_path / "started"

    def build(n_features, n_labels):
        import os
        import signal

        import keras

        with started.open("a") as file:
            file.write("x")
        # The first one is killed once, as where memory was short for a moment; a network for
        # fewer features is killed whenever it is tried.
        if started.stat().st_size == 1 or n_features == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return keras.Sequential([keras.layers.Input((n_features,)), keras.layers.Dense(n_labels)])

    X, y = small
    healed = compare(X, y, ["none", "balanced"], cv=2, options=quick, build_model=build, n_jobs=2)
    assert healed.failures() == {}
    assert len(healed.cells) == 4
    with pytest.raises(Undefined, match="Its worker process was killed"):
        compare(X[:, :2], y, ["none"], cv=2, options=quick, build_model=build, n_jobs=2)


@pytest.mark.filterwarnings("ignore")  # those of the cluster's own machinery
def test_a_dask_cluster_that_loses_a_worker_gives_the_serial_table(
    small, quick, tmp_path, without_seconds
):
    distributed = pytest.importorskip("distributed", reason="no Dask cluster to test with")
    treatments = ["none", "balanced", "inverse_sqrt"]

    def build(n_features, n_labels):
        # Seeds of its own: threads of a Dask worker draw from Python's global generator too.
        import keras

        start = keras.initializers.GlorotUniform(seed=n_features)
        layers = [keras.layers.Input((n_features,))]
        layers += [keras.layers.Dense(n_labels, kernel_initializer=start)]
        return keras.Sequential(layers)

    serial = compare(*small, treatments, cv=4, options=quick, build_model=build)
    killed = []

    def trains():
        return "equipoise.training.fitting" in sys.modules

    def kill_one(cell, total):
        if not killed:
            killed.append(workers.pop())
            os.kill(killed[0], signal.SIGKILL)

    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path),
        ) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        workers = list(client.run(os.getpid).values())
        assert len(set(workers)) == 2
        assert os.getpid() not in workers
        assert not any(client.run(trains).values())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = compare(
                *small,
                treatments,
                cv=4,
                options=quick,
                build_model=build,
                model_name="linear",
                store=tmp_path / "store",
                on_cell=kill_one,
            )
        assert any(client.run(trains).values())  # it was done there, and not here
    assert killed
    assert table.failures() == {}
    assert without_seconds(table) == without_seconds(serial)
