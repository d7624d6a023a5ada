"""Scenes of handwritten digits: a small, real, imbalanced multi-label problem."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_integer, check_number
from equipoise.readers.dataset import Dataset
from equipoise.targets import as_targets

_SIDE = 8  # pixels of a digit
_DIGITS = 10
_MOST_DIGITS = 3  # in one scene
_SHARE_OF_SIZES = (0.5, 0.3, 0.2)  # of scenes with 1, 2 and 3 digits


def digits_scenes(
    n_rows: int = 2000,
    *,
    canvas: tuple[int, int] = (12, 28),
    unlabelled: float = 0.6,
    imbalance: float = 20.0,
    noise: float = 0.06,
    clutter: int = 2,
    jitter: int = 0,
    n_groups: int = 40,
    random_state: int = 0,
) -> Dataset:
    """Scenes with up to three handwritten digits among clutter; the labels say which digits.

    The digits are the 1797 real ones of `sklearn.datasets.load_digits`, of 8 × 8 pixels. Label
    "digit_0" is the commonest and "digit_9" the rarest; in between, frequencies fall
    geometrically: n_l ∝ imbalance^(−l/9). Scenes without a digit show noise and clutter only:
    halves of digits, mirrored or turned, which the other scenes have as well.

    The images are cut into `n_groups` blocks in the order of the file, which is that of the
    writers, and a scene takes all its images from one block: `groups` says which. Split by
    groups, and no image of the test scenes was seen in training.

    Not a benchmark: the scenes are made up, only the handwriting is real.

    Args:
        n_rows: number of scenes N.
        canvas: height and width of a scene in pixels; x has height · width columns, row by row.
        unlabelled: share of scenes without any digit, in [0, 1).
        imbalance: scenes with the commonest digit over scenes with the rarest, at least 1.
        noise: standard deviation of the noise, where ink is 1.
        clutter: most pieces of digits in a scene; each is there or not with equal chance.
        jitter: how many pixels a digit may be off its place in either direction; every pixel
            makes the task much harder for a network that is not convolutional.
        n_groups: number of blocks of images; each must hold every digit, so at most 61.
        random_state: seed; the same arguments give identical arrays.

    Raises:
        InvalidInput: an argument out of its range, a canvas too small for three digits, so few
            rows that the rarest digit would not occur.

    Examples:
        >>> scenes = digits_scenes(500, random_state=1)
        >>> scenes
        Dataset('digits_scenes': 500 rows, 336 features (dense), 10 labels 'digit_0', 'digit_1',
        'digit_2', 'digit_3' and 6 more, 40 groups)
        >>> image = scenes.x[0].reshape(12, 28)
    """
    plan = _checked(
        n_rows, canvas, unlabelled, imbalance, noise, clutter, jitter, n_groups, random_state
    )
    rng = np.random.default_rng(plan.random_state)
    images = _Images.load(plan.n_groups)
    groups = rng.permutation(np.arange(plan.n_rows) % plan.n_groups)
    labels = _labels(plan, rng)
    scenes = np.zeros((plan.n_rows, plan.height, plan.width), dtype=np.float32)
    _paste_fragments(scenes, groups, images, plan.clutter, rng)
    _paste_digits(scenes, labels, groups, images, plan.jitter, rng)
    scenes += rng.normal(0, plan.noise, scenes.shape).astype(np.float32)
    return Dataset(
        x=scenes.reshape(plan.n_rows, -1),
        targets=as_targets(labels, label_names=[f"digit_{d}" for d in range(_DIGITS)]),
        feature_names=tuple(
            f"pixel_{row}_{column}" for row in range(plan.height) for column in range(plan.width)
        ),
        n_attributes=plan.height * plan.width,
        groups=groups,
        name="digits_scenes",
    )


class _Plan(NamedTuple):
    n_rows: int
    height: int
    width: int
    n_labelled: int
    imbalance: float
    noise: float
    clutter: int
    jitter: int
    n_groups: int
    random_state: int


def _checked(
    n_rows: Any,
    canvas: Any,
    unlabelled: Any,
    imbalance: Any,
    noise: Any,
    clutter: Any,
    jitter: Any,
    n_groups: Any,
    random_state: Any,
) -> _Plan:
    n_rows = check_integer("n_rows", n_rows, minimum=1)
    if not isinstance(canvas, (tuple, list)) or len(canvas) != 2:
        raise InvalidInput("`canvas` must be (height, width).", received=repr(canvas))
    height = check_integer("canvas[0]", canvas[0], minimum=_SIDE)
    width = check_integer("canvas[1]", canvas[1], minimum=_SIDE * _MOST_DIGITS)
    unlabelled = check_number("unlabelled", unlabelled, minimum=0, maximum=1, open_maximum=True)
    imbalance = check_number("imbalance", imbalance, minimum=1, open_maximum=True)
    noise = check_number("noise", noise, minimum=0, open_maximum=True)
    clutter = check_integer("clutter", clutter, minimum=0)
    jitter = check_integer("jitter", jitter, minimum=0)
    n_groups = check_integer("n_groups", n_groups, minimum=1)
    random_state = check_integer("random_state", random_state, minimum=0)
    n_labelled = n_rows - round(unlabelled * n_rows)
    if _positives(n_labelled, imbalance)[-1] < 1:
        raise InvalidInput(
            "There are too few scenes with digits for every digit to occur.",
            received=f"n_rows={n_rows}, unlabelled={unlabelled:g}, imbalance={imbalance:g}",
            remedy="Raise `n_rows`, or lower `unlabelled` or `imbalance`.",
        )
    return _Plan(
        n_rows,
        height,
        width,
        n_labelled,
        imbalance,
        noise,
        clutter,
        jitter,
        n_groups,
        random_state,
    )


# ---------------------------------------------------------------------------------- labels


def _sizes(n_labelled: int) -> NDArray[np.int64]:
    """How many digits each scene with digits has."""
    ends = np.rint(np.cumsum(_SHARE_OF_SIZES) * n_labelled).astype(np.int64)
    return np.repeat(np.arange(1, _MOST_DIGITS + 1), np.diff(ends, prepend=0))


def _positives(n_labelled: int, imbalance: float) -> NDArray[np.int64]:
    """How many scenes have each digit: they add up to all digits of all scenes."""
    share = imbalance ** -(np.arange(_DIGITS) / (_DIGITS - 1))
    ends = np.rint(np.cumsum(share) / share.sum() * _sizes(n_labelled).sum()).astype(np.int64)
    return np.minimum(np.diff(ends, prepend=0), n_labelled)


def _labels(plan: _Plan, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Deals the digits to the scenes, no digit twice to the same one."""
    places = np.repeat(np.arange(plan.n_labelled), _sizes(plan.n_labelled))
    digits = np.repeat(np.arange(_DIGITS), _positives(plan.n_labelled, plan.imbalance))
    places = rng.permutation(places)[: len(digits)]
    for _ in range(100):
        twice = _repeated(places, digits)
        if len(twice) == 0:
            break
        # Exchange the places of digits dealt twice with those of others; counts stay as they are.
        others = rng.choice(len(digits), size=len(twice), replace=False)
        moved = np.unique(np.concatenate([twice, others]))
        places[moved] = places[rng.permutation(moved)]
    rows = rng.permutation(plan.n_rows)[places]
    labels = np.zeros((plan.n_rows, _DIGITS), dtype=np.uint8)
    labels[rows, digits] = 1
    return labels


def _repeated(places: NDArray[np.int64], digits: NDArray[np.int64]) -> NDArray[np.intp]:
    """Positions of digits that their scene has already."""
    _, first = np.unique(places * _DIGITS + digits, return_index=True)
    repeated = np.ones(len(places), dtype=bool)
    repeated[first] = False
    return np.flatnonzero(repeated)


# ---------------------------------------------------------------------------------- pixels


class _Images(NamedTuple):
    """The images, sorted by block and digit; ink is 1.

    Attributes:
        pixels: (1797, 8, 8).
        starts: (n_groups, 10) position of the first image of each block and digit.
        counts: (n_groups, 10) number of them.
    """

    pixels: NDArray[np.float32]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def load(cls, n_groups: int) -> _Images:
        from sklearn.datasets import load_digits

        images, digits = load_digits(return_X_y=True)
        blocks = np.arange(len(digits)) * n_groups // len(digits)
        order = np.lexsort((digits, blocks))
        counts = np.bincount(blocks * _DIGITS + digits, minlength=n_groups * _DIGITS)
        if counts.min() == 0:
            raise InvalidInput(
                "`n_groups` is so large that some block of images lacks a digit.",
                received=n_groups,
                remedy="Pass at most 61.",
            )
        pixels = (images[order] / 16).reshape(-1, _SIDE, _SIDE).astype(np.float32)
        starts = np.cumsum(counts) - counts
        return cls(pixels, starts.reshape(n_groups, -1), counts.reshape(n_groups, -1))

    def draw(
        self, groups: NDArray[np.int64], digits: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """One random image of each digit, from the block asked for."""
        counts = self.counts[groups, digits]
        return self.pixels[self.starts[groups, digits] + rng.integers(counts)]


def _paste(
    scenes: NDArray[np.float32],
    rows: NDArray[np.intp],
    images: NDArray[np.float32],
    tops: NDArray[np.int64],
    lefts: NDArray[np.int64],
) -> None:
    """Draws one image on each of the scenes; where ink meets ink the darker stays."""
    row = rows[:, None, None]
    y = tops[:, None, None] + np.arange(_SIDE)[:, None]
    x = lefts[:, None, None] + np.arange(_SIDE)
    scenes[row, y, x] = np.maximum(scenes[row, y, x], images)


def _paste_digits(
    scenes: NDArray[np.float32],
    labels: NDArray[np.uint8],
    groups: NDArray[np.int64],
    images: _Images,
    jitter: int,
    rng: np.random.Generator,
) -> None:
    """Places the digits of a scene in different thirds of it, in any order."""
    n_rows, height, width = scenes.shape
    thirds = rng.permuted(np.tile(np.arange(_MOST_DIGITS), (n_rows, 1)), axis=1)
    rows, digits = np.nonzero(labels)
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)  # of the digit in its scene
    middle_top, middle_left = (height - _SIDE) // 2, (width // _MOST_DIGITS - _SIDE) // 2
    for k in range(_MOST_DIGITS):
        chosen = rank == k
        row, digit = rows[chosen], digits[chosen]
        off = rng.integers(-jitter, jitter + 1, size=(2, len(row)))
        tops = np.clip(middle_top + off[0], 0, height - _SIDE)
        lefts = thirds[row, k] * (width // _MOST_DIGITS) + middle_left + off[1]
        ink = rng.uniform(0.6, 1.0, size=(len(row), 1, 1)).astype(np.float32)
        drawn = images.draw(groups[row], digit, rng) * ink
        _paste(scenes, row, drawn, tops, np.clip(lefts, 0, width - _SIDE))


def _paste_fragments(
    scenes: NDArray[np.float32],
    groups: NDArray[np.int64],
    images: _Images,
    clutter: int,
    rng: np.random.Generator,
) -> None:
    """Clutter: halves of digits, mirrored or turned, anywhere."""
    n_rows, height, width = scenes.shape
    half = np.zeros((_SIDE, _SIDE), dtype=np.float32)
    half[: _SIDE // 2] = 1
    for _ in range(clutter):
        rows = np.flatnonzero(rng.random(n_rows) < 0.5)
        pieces = images.draw(groups[rows], rng.integers(_DIGITS, size=len(rows)), rng) * half
        turned = rng.random(len(rows)) < 0.5
        pieces[turned] = pieces[turned].transpose(0, 2, 1)
        mirrored = rng.random(len(rows)) < 0.5
        pieces[mirrored] = pieces[mirrored, ::-1, ::-1]
        tops = rng.integers(height - _SIDE + 1, size=len(rows))
        lefts = rng.integers(width - _SIDE + 1, size=len(rows))
        _paste(scenes, rows, pieces, tops, lefts)
