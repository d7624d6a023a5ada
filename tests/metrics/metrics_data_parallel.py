"""Evaluates on one device and on two, in a process of its own; prints what came out."""

import json
import sys

import keras
import numpy as np
from metric_cases import MAKERS, NAMES

KINDS = ("FBeta", "AveragePrecision", "ExpectedCalibrationError", "PrecisionAtK")


def evaluated(distribution):
    keras.distribution.set_distribution(distribution)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 4)).astype("float32")
    y = (rng.random((32, 3)) < 0.4).astype("float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="sigmoid")])
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    made = [MAKERS[name](name=name, label_names=NAMES) for name in KINDS]
    model.compile(loss="binary_crossentropy", metrics=made)
    return model.evaluate(x, y, batch_size=16, verbose=0, return_dict=True)


def main():
    devices = keras.distribution.list_devices()
    assert len(devices) == 2, devices
    both = keras.distribution.DataParallel(devices=devices)
    json.dump({"one": evaluated(None), "two": evaluated(both)}, sys.stdout)


if __name__ == "__main__":
    main()
