"""Label counts and row weights against a plain memory read and against loops."""

import numpy as np
from scipy import sparse

from benchmarks.timing import interleaved, show
from equipoise import LabelStats, LabelWeights, as_targets
from equipoise._kernels.counts import label_counts


def main() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random((1_000_000, 100), dtype=np.float32) < 0.05).astype(np.uint8)
    words = y.reshape(-1).view(np.uint64)
    medians = interleaved(
        {"ours": lambda: label_counts(y), "read": words.sum, "Y.sum(0)": lambda: y.sum(0)}
    )
    show("label counts, uint8 1M x 100", medians, ours="ours", peer="read", target=">= 1/3.5")
    show("label counts, uint8 1M x 100", medians, ours="ours", peer="Y.sum(0)", target="-")

    floats = y.astype(np.float32)
    medians = interleaved(
        {
            "ours": lambda: LabelStats.from_targets(floats, labelsets=False),
            "read": floats.reshape(-1).view(np.uint64).sum,
        },
        repeats=3,
    )
    show("checked and counted, float32 1M x 100", medians, ours="ours", peer="read", target="1/1.5")

    csr = sparse.csr_array(y)
    medians = interleaved({"ours": lambda: label_counts(csr), "C.sum(0)": lambda: csr.sum(axis=0)})
    show("label counts, CSR 5M non-zeros", medians, ours="ours", peer="C.sum(0)", target=">= 1")

    targets, sparse_targets = as_targets(y), as_targets(csr)
    weights = LabelWeights.from_targets(targets, "inverse_frequency")
    part = y[:20_000]

    def loop() -> list[float]:
        return [float(weights.positive[row > 0].max(initial=0)) for row in part]

    medians = interleaved(
        {
            "dense": lambda: weights.for_rows(targets),
            "csr": lambda: weights.for_rows(sparse_targets),
            "loop": loop,
        },
        repeats=3,
    )
    medians["loop"] *= len(y) / len(part)  # timed on 20,000 rows
    show("row weights (max), 1M x 100", medians, ours="dense", peer="loop", target=">= 50")
    show("row weights (max), 1M x 100", medians, ours="csr", peer="loop", target=">= 600")


if __name__ == "__main__":
    main()
