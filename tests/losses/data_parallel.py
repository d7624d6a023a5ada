"""Trains every loss on one device and on two, in a process of its own; prints what came out."""

import json
import sys

import keras
import numpy as np
from loss_cases import CASES
from loss_helpers import batch, model_of

from equipoise.losses import FromIndices


def trained(loss, y, distribution):
    keras.distribution.set_distribution(distribution)
    x, _ = batch(n_rows=16)
    model = model_of(3)
    model.compile(keras.optimizers.SGD(0.05), loss=loss)
    weight = np.linspace(0.5, 1.5, 16).astype("float32")
    history = model.fit(
        x, y, sample_weight=weight, batch_size=8, epochs=2, shuffle=False, verbose=0
    )
    weights = np.concatenate([np.ravel(w) for w in model.get_weights()])
    return {"losses": history.history["loss"], "weights": weights.tolist()}


def main():
    devices = keras.distribution.list_devices()
    assert len(devices) == 2, devices
    both = keras.distribution.DataParallel(devices=devices)
    _, labels = batch(n_rows=16)
    one_hot = np.eye(3, dtype="float32")[labels.argmax(-1)]
    indices = np.full((16, 3), -1)
    indices[labels == 1] = np.nonzero(labels)[1]
    jobs = {
        name: (case.make(positive_weight=[1.0, 2.0, 3.0]), one_hot if case.categorical else labels)
        for name, case in {case.loss: (n, case) for n, case in CASES.items()}.values()
    }
    jobs["from_indices"] = (FromIndices(CASES["focal"].make()), indices)
    found = {
        name: {"one": trained(*job, None), "two": trained(*job, both)} for name, job in jobs.items()
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
