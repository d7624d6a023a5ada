"""What stands beside the figures of a comparison: how they were made, and what the labels hide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import keras

from equipoise import audit
from equipoise._errors import EquipoiseError
from equipoise.audit.findings import plain
from equipoise.comparison._splits import Split
from equipoise.evaluation.versions import versions
from equipoise.stats import LabelStats
from equipoise.targets import Targets
from equipoise.training.options import TrainingOptions
from equipoise.training.treatment import Treatment
from equipoise.weights import LabelWeights

# What people hand to Keras where no treatment does: the rarer, the heavier.
_USUAL = Treatment("class_weight", keras_class_weight="inverse_frequency")


def context_of(
    targets: Targets,
    stats: LabelStats,
    treatments: Sequence[Treatment],
    options: TrainingOptions,
    splits: Sequence[Split],
    call: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns as plain values what a report says beside the figures.

    Args:
        targets: labels of all rows.
        stats: their statistics.
        treatments: what was compared.
        options: how networks were trained.
        splits: rows of every fold.
        call: the other arguments of `compare`, as plain values.

    Returns:
        "call", "treatments" and "options": what gives the same figures again; "versions" and
        "backend"; "weights": what each weighted treatment asks for on all rows; "class_weight":
        what Keras makes of its own, and whether a treatment of the comparison hands it over;
        "audit": findings on the labels.
    """
    backend = keras.backend.backend()
    return {
        "call": plain(call),
        "treatments": [plain(treatment.to_dict()) for treatment in treatments],
        "options": plain(asdict(options)),
        "versions": versions(("keras", backend)),
        "backend": backend,
        "weights": [w for t in treatments if (w := _weights(t, stats)) is not None],
        "class_weight": _class_weight(targets, stats, treatments),
        "audit": audit.check(targets, cv=list(splits)).to_dict(),
    }


def _weights(treatment: Treatment, stats: LabelStats) -> dict[str, Any] | None:
    """The weights of a treatment; None if it has none, or none exist (then its folds failed)."""
    if treatment.weights is None:
        return None
    try:
        weights = LabelWeights.from_stats(stats, treatment.weights, **treatment.weight_options)
    except (EquipoiseError, TypeError):  # TypeError: an option that the scheme does not have
        return None
    return {
        "treatment": treatment.name,
        "positive": weights.positive.tolist(),
        "negative": weights.negative.tolist(),
    }


def _class_weight(
    targets: Targets, stats: LabelStats, treatments: Sequence[Treatment]
) -> dict[str, Any] | None:
    """What Keras makes of `class_weight`; None where rows have one class, as it is made for."""
    if targets.task == "multiclass" or targets.n_labels < 2:
        return None
    handed = [t for t in treatments if t.keras_class_weight is not None]
    treatment = handed[0] if handed else _USUAL
    try:
        asked = treatment.build_class_weight(stats)
    except EquipoiseError:
        return None
    assert asked is not None  # both have a scheme
    found = audit.class_weight(targets, asked).to_dict()
    return {"treatment": treatment.name, "compared": bool(handed), "audit": found}
