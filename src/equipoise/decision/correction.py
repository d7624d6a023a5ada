"""Correction: true probabilities from scores that weighting, a loss or sampling has moved."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from equipoise._errors import InvalidInput, check_names, shown_list
from equipoise._files import check_schema, read_json, write_json
from equipoise.exact.cells import as_array

Float = NDArray[np.float64]

_SCHEMA_VERSION = 1


class Correction:
    """Closed-form correction of scores; nothing is fitted, so no held-out rows are needed.

        logit q = link(z) − shift + logit(target prior) − logit(training prior)

    Each part is optional. The order of scores within a label stays. Not for losses that are no
    sum over labels (ZLPR, two-way, F-measures): those need a fitted calibration; and it cannot
    repair a model that was badly calibrated to begin with.

    Args:
        link: an inverse link (`loss.link`), anything with `log_odds(z)`. `LabelWeights`, or a
            shift, may stand here too.
        shift: log-odds by which training moved the logits: `LabelWeights` (their
            log(w₊ / w₋)), one number, or (L,) numbers.
        target_prior: (L,) frequencies of the labels where the scores will be used, if they
            differ from training and the labels otherwise look the same there (prior shift); an
            object with `prevalence`, such as `LabelStats`, will do.
        training_prior: (L,) frequencies of the labels in the training data, likewise; needed
            with `target_prior` and only with it.
        label_names: L names; taken from the arguments that have names.

    Raises:
        InvalidInput: parts that do not fit, a prior of 0 or 1 that differs from the other one.

    Examples:
        >>> Correction(shift=np.log([9.0, 1.0])).transform([[0.0, 0.0]])
        array([[0.1, 0.5]])
        >>> moved = Correction(target_prior=[0.5], training_prior=[0.1])
        >>> moved.transform([[0.1]], from_logits=False)
        array([[0.5]])

    Reference: Elkan, IJCAI 2001, theorem 2 (weights); Saerens, Latinne and Decaestecker, Neural
    Computation 14, 2002, eq. 2.4 (priors); Dal Pozzolo et al., SSCI 2015 (sampling).
    """

    def __init__(
        self,
        link: Any = None,
        *,
        shift: Any = None,
        target_prior: Any = None,
        training_prior: Any = None,
        label_names: Iterable[object] | None = None,
    ):
        if link is not None and not hasattr(link, "log_odds"):
            if shift is not None:
                raise InvalidInput(
                    "`link` has no `log_odds`, and `shift` is given as well.",
                    received=type(link).__name__,
                    remedy="Pass a link first (loss.link), or the shift alone.",
                )
            link, shift = None, link
        if (target_prior is None) != (training_prior is None):
            raise InvalidInput(
                "`target_prior` and `training_prior` are needed together.",
                received="only " + ("training" if target_prior is None else "target") + "_prior",
                remedy="Pass LabelStats of the training data as training_prior.",
            )
        given = (shift, target_prior, training_prior)
        self.link = link
        self.label_names = _shared_names(given, label_names)
        self.shift = None if shift is None else _shift_of(shift)
        self.target_prior = None if target_prior is None else _prior(target_prior, "target_prior")
        self.training_prior = (
            None if training_prior is None else _prior(training_prior, "training_prior")
        )
        self._offset = self._added()

    @classmethod
    def from_sampling_rates(
        cls,
        positive_rate: ArrayLike = 1.0,
        negative_rate: ArrayLike = 1.0,
        *,
        label_names: Iterable[object] | None = None,
    ) -> Self:
        """Returns the correction for cells that were sampled by their label.

            logit q = z − log(positive rate / negative rate)

        Args:
            positive_rate: how many of each label's positives were trained on, as a share of
                them; above 1 where rows were repeated. One number or (L,).
            negative_rate: the same for negatives, such as 0.1 if every tenth was kept.
            label_names: L names.

        Examples:
            >>> Correction.from_sampling_rates(negative_rate=0.1).transform([[0.0]])
            array([[0.09090909]])
        """
        rates = []
        for name, rate in (("positive_rate", positive_rate), ("negative_rate", negative_rate)):
            array = _numbers(rate, name)
            if not (array > 0).all():
                raise InvalidInput(
                    f"`{name}` must be above 0.",
                    received=shown_list(array.reshape(-1).tolist()),
                    remedy="What was never trained on cannot be corrected for.",
                )
            rates.append(np.log(array))
        return cls(shift=rates[0] - rates[1], label_names=label_names)

    def fit(self, y_score: Any = None, y_true: Any = None) -> Self:
        """Returns self: nothing is fitted. A correction can stand wherever a calibrator can."""
        return self

    def log_odds(self, y_score: Any, *, from_logits: bool = True) -> Float:
        """Returns corrected log-odds; unlike probabilities they never run into 0 or 1.

        Args:
            y_score: (..., L) logits; 1-D for a single label.
            from_logits: False if the scores are probabilities.

        Raises:
            InvalidInput: NaN, another number of labels, probabilities outside [0, 1].
        """
        scores = as_array(y_score, "y_score", self.label_names or ())
        if scores.dtype.kind not in "fiub" and scores.dtype.name != "bfloat16":
            raise InvalidInput("`y_score` must hold numbers.", received=f"dtype {scores.dtype}")
        n_labels = self._offset.shape[0] if self._offset.ndim else None
        if n_labels is not None and n_labels > 1 and scores.shape[-1:] != (n_labels,):
            raise InvalidInput(
                f"`y_score` must have {n_labels} columns, one per label.",
                received=f"y_score.shape={scores.shape}",
            )
        if scores.size and np.isnan(scores.min()):
            raise InvalidInput("`y_score` holds NaN.", remedy="Find out why the model returns NaN.")
        z = scores.astype(np.float64) if from_logits else _logits(scores)
        return (z if self.link is None else self.link.log_odds(z)) + self._offset

    def transform(self, y_score: Any, *, from_logits: bool = True) -> Float:
        """Returns corrected probabilities, float64; see `log_odds` for the arguments."""
        return expit(self.log_odds(y_score, from_logits=from_logits))

    def _added(self) -> Float:
        """What is added to the link's log-odds: () for all labels alike, or (L,)."""
        parts = [np.zeros(())]
        if self.shift is not None:
            parts.append(-self.shift)
        if self.target_prior is not None and self.training_prior is not None:
            parts.append(_prior_shift(self.target_prior, self.training_prior, self.label_names))
        lengths = {len(p) for p in parts if p.ndim}
        if self.label_names is not None:
            lengths.add(len(self.label_names))
        if len(lengths) > 1:
            raise InvalidInput(
                "The parts of a correction must be for the same labels.",
                received=f"lengths {sorted(lengths)}",
            )
        return np.asarray(sum(parts), dtype=np.float64)

    # ------------------------------------------------------------------------------ saving

    def to_dict(self) -> dict[str, Any]:
        """Returns the correction as plain numbers, lists and strings (see `from_dict`)."""

        def plain(array: Float | None) -> Any:
            return None if array is None else array.tolist()

        return {
            "kind": "Correction",
            "schema_version": _SCHEMA_VERSION,
            "label_names": None if self.label_names is None else list(self.label_names),
            "link": None if self.link is None else self.link.to_dict(),
            "shift": plain(self.shift),
            "target_prior": plain(self.target_prior),
            "training_prior": plain(self.training_prior),
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` returned."""
        check_schema(payload, "Correction", _SCHEMA_VERSION)
        parts = ("label_names", "link", "shift", "target_prior", "training_prior")
        missing = [part for part in parts if part not in payload]
        if missing:
            raise InvalidInput(
                "This saved Correction is not complete.", received=f"no {shown_list(missing)}"
            )
        options = {part: payload[part] for part in parts}
        if options["link"] is not None:
            from equipoise.links import Link

            options["link"] = Link.from_dict(options["link"])
        return cls(**options)

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Writes the correction to a JSON file, whole or not at all."""
        return write_json(path, self.to_dict())

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Self:
        """Reads what `to_json` wrote."""
        return cls.from_dict(read_json(path))

    def __repr__(self) -> str:
        parts = [] if self.link is None else [f"link={self.link!r}"]
        for name in ("shift", "target_prior", "training_prior"):
            value = getattr(self, name)
            if value is not None:
                parts.append(f"{name}={np.array2string(value, threshold=6, precision=4)}")
        return f"Correction({', '.join(parts)})"


def _shared_names(
    given: Iterable[Any], label_names: Iterable[object] | None
) -> tuple[str, ...] | None:
    """Returns the label names, which must be the same wherever there are some."""
    names = None if label_names is None else check_names("label_names", label_names)
    for part in given:
        own = getattr(part, "label_names", None)
        if own is None:
            continue
        if names is not None and tuple(own) != names:
            raise InvalidInput(
                "The parts of a correction must be for the same labels in the same order.",
                received=f"{shown_list(own)} beside {shown_list(names)}",
            )
        names = tuple(own)
    return names


def _numbers(value: Any, argument: str) -> Float:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"`{argument}` must be a number, or one number per label.", received=repr(value)
        ) from error
    if array.ndim > 1 or not np.isfinite(array).all():
        raise InvalidInput(
            f"`{argument}` must be a finite number, or one per label.",
            received=f"shape {array.shape}, {np.count_nonzero(~np.isfinite(array))} not finite",
        )
    return array


def _shift_of(shift: Any) -> Float:
    return _numbers(getattr(shift, "log_odds_shift", shift), "shift")


def _prior(prior: Any, argument: str) -> Float:
    array = _numbers(getattr(prior, "prevalence", prior), argument)
    if not ((array >= 0) & (array <= 1)).all():
        raise InvalidInput(
            f"`{argument}` must hold frequencies in [0, 1].",
            received=shown_list(array.reshape(-1).tolist()),
        )
    return array


def _prior_shift(target: Float, training: Float, names: tuple[str, ...] | None) -> Float:
    if target.shape != training.shape and target.ndim and training.ndim:
        raise InvalidInput(
            "`target_prior` and `training_prior` must be for the same labels.",
            received=f"lengths {len(target)} and {len(training)}",
        )
    target, training = np.broadcast_arrays(target, training)
    moved = target != training  # where nothing moves, 0 and 1 are harmless
    bounded = (target > 0) & (target < 1) & (training > 0) & (training < 1)
    if (moved & ~bounded).any():
        wrong = np.flatnonzero(moved & ~bounded).tolist()
        raise InvalidInput(
            "A label that is never there, or always, in one of the priors cannot be corrected.",
            received="labels " + shown_list([names[i] if names else i for i in wrong]),
            remedy="Smooth both: (positives + 1) / (rows + 2).",
        )
    shift = np.zeros(target.shape)
    odds = [np.log(p[moved]) - np.log1p(-p[moved]) for p in (target, training)]
    shift[moved] = odds[0] - odds[1]
    return shift


def _logits(p: NDArray[Any]) -> Float:
    """Returns finite log-odds: 0 and 1 lie half a step of the dtype beyond their neighbours."""
    if p.dtype.kind != "f":
        p = p.astype(np.float64)
    if p.size and (p.min() < 0 or p.max() > 1):
        raise InvalidInput(
            "`y_score` must hold probabilities in [0, 1] with from_logits=False.",
            received=f"values from {p.min():g} to {p.max():g}",
            remedy="Pass from_logits=True for logits.",
        )
    limits = np.finfo(p.dtype)
    lowest = float(np.log(float(limits.smallest_subnormal)) - np.log(2))
    lowest_rest = float(np.log(float(limits.eps) / 4))
    p = p.astype(np.float64)
    rest = 1 - p
    log_p = np.log(p, out=np.full(p.shape, lowest), where=p > 0)
    log_rest = np.log(rest, out=np.full(p.shape, lowest_rest), where=rest > 0)
    return log_p - log_rest
