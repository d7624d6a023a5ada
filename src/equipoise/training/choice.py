"""Choice: which treatment was chosen on the inner folds, and on what grounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from equipoise._errors import InvalidInput
from equipoise._files import check_schema

_KIND, _SCHEMA_VERSION = "Choice", 1


@dataclass(frozen=True)
class Judged:
    """What the inner folds say of one treatment.

    Attributes:
        treatment: its name.
        macro_f1: mean over the folds; None if it could not be trained or judged.
        difference: mean difference to the baseline; None for the baseline itself as well.
        low: lower end of its 95% interval.
        high: upper end.
        p_value: of no difference, adjusted for the number of treatments (Holm).
        failure: why it could not be trained or judged, or None.
    """

    treatment: str
    macro_f1: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Choice:
    """Which treatment was chosen, and on what grounds.

    Attributes:
        chosen: name of the treatment.
        judged: what was found of each, the baseline first.
        n_folds: inner folds behind each figure.
    """

    chosen: str
    judged: tuple[Judged, ...]
    n_folds: int

    def reason(self) -> str:
        """Returns the grounds as a sentence."""
        tried = [j for j in self.judged if j.difference is not None]
        if not tried:
            why = "could be judged" if len(self.judged) > 1 else "was a candidate"
            return f"{self.chosen}: no other treatment {why}."
        if self.chosen != self.judged[0].treatment:
            best = next(j for j in tried if j.treatment == self.chosen)
            return (
                f"{self.chosen} was chosen: its macro-F1 on the inner folds is higher than that of "
                f"{self.judged[0].treatment} by {_told(best)}."
            )
        best = max(tried, key=lambda j: j.difference or 0.0)
        return (
            f"{self.chosen} was kept: no other treatment shows a higher macro-F1 on the inner "
            f"folds. The largest difference is that of {best.treatment}, {_told(best)}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the choice as plain values."""
        return {"kind": _KIND, "schema_version": _SCHEMA_VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` returned.

        Raises:
            InvalidInput: something else, or what a newer equipoise wrote.
        """
        check_schema(payload, _KIND, _SCHEMA_VERSION)
        try:
            judged = tuple(Judged(**entry) for entry in payload["judged"])
            return cls(str(payload["chosen"]), judged, int(payload["n_folds"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                "This saved choice is not complete.", received=repr(error)
            ) from error


def _told(judged: Judged) -> str:
    ends = "" if judged.low is None else f" (95% from {judged.low:+.3f} to {judged.high:+.3f})"
    return f"{judged.difference:+.3f}{ends}"
