"""Plan: a comparison as one file says it, on one data set or on several."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from equipoise._errors import (
    EquipoiseError,
    InvalidFile,
    InvalidInput,
    Undefined,
    check_choice,
    check_integer,
    did_you_mean,
)
from equipoise._store import Store
from equipoise.audit.findings import plain
from equipoise.comparison.cell import Cell
from equipoise.comparison.compare import BASELINE, compare
from equipoise.comparison.metrics import METRICS
from equipoise.comparison.result import PRIMARY, Comparison
from equipoise.comparison.source import DataSource
from equipoise.comparison.survey import Survey
from equipoise.readers import Dataset
from equipoise.training.brought import BuildModel
from equipoise.training.options import TrainingOptions
from equipoise.training.treatment import (
    DEFAULT_TREATMENTS,
    TREATMENTS,
    Treatment,
    as_treatment,
    check_treatment,
)

_METRICS = (PRIMARY, "macro_f1_half", "macro_ap", "ece")


@dataclass(frozen=True)
class Plan:
    """What is compared: data sets × treatments × folds × seeds, all of it, as plain values.

    As a file:

        title = "Does treatment help?"
        cv = 5
        treatments = [
            "none",
            "balanced",
            { name = "focal_3", loss = "Focal", loss_options = { gamma = 3 } },
        ]

        [training]
        max_epochs = 40

        [[data]]
        path = "emotions/*.arff"      # seen from the folder of this file; ~ and $NAME are replaced
        labels = "emotions/emotions.xml"

    Args:
        data: the data sets, see `DataSource`.
        treatments: names of `training.TREATMENTS`, or `Treatment` objects (tables in a file);
            "none" is always among them.
        cv: number of stratified folds.
        repeats: times that the folds are drawn anew.
        seeds: each seed gives folds and networks of its own; their folds are taken together.
        metrics: what tables show; the first one decides.
        min_positives: labels with fewer positives stay out of the macro averages.
        prune: see `compare`.
        training: see `TrainingOptions`.
        title: of the report.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "plan.toml"
        >>> _ = path.write_text('cv = 3\\ndata = [{ path = "emotions.arff" }]')
        >>> plan = Plan.from_toml(path)
        >>> plan.cv, plan.data[0].name, plan.n_cells
        (3, 'emotions', 18)
    """

    data: tuple[DataSource, ...]
    treatments: tuple[Treatment, ...] = tuple(TREATMENTS[name] for name in DEFAULT_TREATMENTS)
    cv: int = 5
    repeats: int = 1
    seeds: tuple[int, ...] = (0,)
    metrics: tuple[str, ...] = _METRICS
    min_positives: int = 5
    prune: bool | str = False
    training: TrainingOptions = field(default_factory=TrainingOptions)
    title: str = "Treatments of imbalance"

    def __post_init__(self) -> None:
        settle = object.__setattr__  # lists become tuples, so that a plan stays what it is
        for name in ("data", "treatments", "seeds", "metrics"):
            settle(self, name, _sequence(name, getattr(self, name)))
        settle(self, "treatments", tuple(as_treatment(t) for t in self.treatments))
        for treatment in self.treatments:
            check_treatment(treatment)
        _distinct("data", [source.name for source in self.data])
        _distinct("treatments", [treatment.name for treatment in self.treatments])
        _distinct("seeds", self.seeds)
        check_integer("cv", self.cv, minimum=2)
        check_integer("repeats", self.repeats, minimum=1)
        check_integer("min_positives", self.min_positives, minimum=1)
        for seed in self.seeds:
            check_integer("seeds", seed, minimum=0)
        for metric in self.metrics:
            check_choice("metrics", metric, tuple(METRICS))
        if not isinstance(self.prune, bool):
            check_choice("prune", self.prune, tuple(METRICS))
        if not isinstance(self.title, str):
            raise InvalidInput("`title` must be text.", received=repr(self.title))

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a plan from a TOML file.

        Raises:
            InvalidFile: it cannot be read, or says what no plan can say; names the key.
        """
        path = Path(path)
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidFile(f"Cannot read {str(path)!r}: {error.strerror}.") from error
        except ValueError as error:  # not UTF-8, or not TOML
            raise InvalidFile(f"{str(path)!r} is not a TOML file: {error}.") from error
        try:
            return cls(**_read(cls, content, path.parent))
        except InvalidInput as error:
            raise InvalidFile(f"The plan {str(path)!r} cannot be used. {error}") from error

    @property
    def n_cells(self) -> int:
        """Number of networks to be trained, times the inner folds; fewer where some are pruned."""
        names = {treatment.name for treatment in self.treatments} | {BASELINE}
        return len(self.data) * len(self.seeds) * self.cv * self.repeats * len(names)

    def run(
        self,
        *,
        store: str | os.PathLike[str] | Store | None = None,
        n_jobs: int | None = None,
        build_model: BuildModel | None = None,
        model_name: str | None = None,
        on_cell: Callable[[str, Cell, int], None] | None = None,
        train: bool = True,
    ) -> Survey:
        """Compares on every data set in turn.

        A data set that cannot be compared (its file is damaged, say) does not keep the others from
        it; a file that is not there is told before the work begins.

        Args:
            store: see `compare`.
            n_jobs: see `compare`.
            build_model: see `compare`; a file cannot name one.
            model_name: see `compare`.
            on_cell: called with the name of the data set, each finished cell and the number of
                all cells.
            train: see `compare`; with False a data set that is not finished counts as failed.

        Raises:
            InvalidFile: a data file that does not exist, or a store that cannot be used.
            Undefined: no data set could be compared; says why.
        """
        for source in self.data:
            source.check_exists()
        opened = store if store is None or isinstance(store, Store) else Store(store)
        comparisons: dict[str, Comparison] = {}
        failures: dict[str, str] = {}
        for source in self.data:
            tell = None
            if on_cell is not None:
                tell = _telling(on_cell, source.name, self.n_cells)
            try:
                dataset, encoder = source.read()
            except EquipoiseError as error:
                failures[source.name] = str(error)
                continue
            try:
                comparisons[source.name] = self._compared(
                    dataset,
                    encoder,
                    store=opened,
                    n_jobs=n_jobs,
                    build_model=build_model,
                    model_name=model_name,
                    on_cell=tell,
                    train=train,
                )
            except InvalidFile:  # the store, which all data sets share
                raise
            except (InvalidInput, Undefined) as error:
                failures[source.name] = str(error)
        if not comparisons:
            name, why = next(iter(failures.items()))
            raise Undefined(f"No data set could be compared. {name}: {why}")
        return Survey(comparisons, failures, self.metrics, plain(asdict(self)))

    def _compared(self, dataset: Dataset, encoder: Any, **how: Any) -> Comparison:
        return merged(
            [
                compare(
                    dataset.x,
                    dataset.targets,
                    self.treatments,
                    encoder=encoder,
                    cv=self.cv,
                    n_repeats=self.repeats,
                    groups=dataset.groups,
                    options=self.training,
                    min_positives=self.min_positives,
                    random_state=seed,
                    n_attributes=dataset.n_attributes,
                    prune=self.prune,
                    **how,
                )
                for seed in self.seeds
            ]
        )


def merged(comparisons: list[Comparison]) -> Comparison:
    """Returns the folds of comparisons of the same data, one after the other, as one."""
    cells: list[Cell] = []
    for comparison in comparisons:
        first = 1 + max((cell.fold for cell in cells), default=-1)
        cells += [replace(cell, fold=cell.fold + first) for cell in comparison.cells]
    seeds = [comparison.random_state for comparison in comparisons]
    context = {**comparisons[0].context, "seeds": seeds}
    return replace(comparisons[0], cells=tuple(cells), context=context)


def _telling(
    on_cell: Callable[[str, Cell, int], None], name: str, total: int
) -> Callable[[Cell, int], None]:
    return lambda cell, _: on_cell(name, cell, total)


def _read(plan: type[Plan], content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The arguments of a plan from the content of its file."""
    given = dict(content)
    _check_keys("", given, [f.name for f in fields(plan)])
    if "data" not in given:
        raise InvalidInput("`data` is missing.", remedy="Say what to read: [[data]] path = ….")
    given["data"] = [
        DataSource.from_table(_table(f"data[{i}]", entry), folder)
        for i, entry in enumerate(_sequence("data", given["data"]))
    ]
    if "treatments" in given:
        given["treatments"] = [
            _treatment(f"treatments[{i}]", entry)
            for i, entry in enumerate(_sequence("treatments", given["treatments"]))
        ]
    if "training" in given:
        table = _table("training", given["training"])
        _check_keys("training.", table, [f.name for f in fields(TrainingOptions)])
        given["training"] = TrainingOptions(**table)
    return given


def _treatment(where: str, entry: Any) -> Treatment:
    """A name, or a table of what a `Treatment` takes; with a name alone it is that of one."""
    if isinstance(entry, str):
        return as_treatment(entry)
    table = _table(where, entry)
    _check_keys(f"{where}.", table, [f.name for f in fields(Treatment)])
    if not isinstance(table.get("name"), str):
        raise InvalidInput(f"`{where}.name` must be text.", received=repr(table.get("name")))
    return as_treatment(table["name"]) if len(table) == 1 else Treatment(**table)


def _check_keys(where: str, given: Iterable[str], known: list[str]) -> None:
    for key in given:
        if key not in known:
            raise InvalidInput(f"Unknown key `{where}{key}`.", remedy=did_you_mean(key, known))


def _table(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"`{where}` must be a table.", received=repr(value))
    return dict(value)


def _sequence(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidInput(f"`{name}` must be a list.", received=repr(value))
    values = tuple(value)
    if not values:
        raise InvalidInput(f"`{name}` is empty.", remedy="Name at least one, or leave it out.")
    return values


def _distinct(name: str, values: Iterable[Any]) -> None:
    listed = list(values)
    twice = sorted({str(v) for v in listed if listed.count(v) > 1})
    if twice:
        raise InvalidInput(
            f"`{name}` holds the same name more than once.",
            received=", ".join(twice),
            remedy="Give each a `name` of its own.",
        )
