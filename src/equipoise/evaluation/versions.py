"""Versions of what figures were made with."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable

_PACKAGES = ("equipoise", "numpy", "scipy", "scikit-learn", "numba")


def versions(more: Iterable[str] = ()) -> dict[str, str]:
    """Returns the version of Python, of what every figure depends on, and of `more` packages.

    Examples:
        >>> sorted(versions())[:2]
        ['equipoise', 'numba']
    """
    found = {"python": platform.python_version()}
    for package in (*_PACKAGES, *more):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
