"""All benchmarks that compare with peers: python -m benchmarks [NAME ...]"""

import importlib
import sys

ALL = (
    "folds",
    "imports",
    "intervals",
    "keras_metrics",
    "labels",
    "losses",
    "metrics",
    "predict",
    "readers",
    "resampling",
    "splitting",
)

names, sys.argv[1:] = sys.argv[1:] or ALL, []  # each has options of its own
for name in names:
    print(f"\n== {name}", flush=True)
    importlib.import_module(f"benchmarks.{name}").main()
