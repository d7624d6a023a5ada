"""Libraries that a command loads: what they print is kept out of the way."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from equipoise._errors import EquipoiseWarning

# The prefixes of absl and glog (I0000, W0000), and of TensorFlow's older lines (a date, then I or
# W). Errors (E) are dropped as well, as a level of 3 asks for: a GPU build on a machine without one
# starts with many. F is what ends a program, and is kept.
_CHATTER = re.compile(
    rb"^(WARNING: All log messages before absl|[IWE]\d{4} \d\d:|\d{4}-\d\d-\d\d [\d:.]+: [IWE] )"
    rb"|^To enable the following instructions: "
)
_LOGGERS = ("absl", "jax", "jax._src.xla_bridge", "tensorflow")


def quiet_libraries() -> None:
    """Keeps warnings and log lines of libraries away, unless the user asked for them.

    For this process: `-W` or PYTHONWARNINGS say that warnings are wanted, TF_CPP_MIN_LOG_LEVEL
    what logs are.
    """
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", EquipoiseWarning)
        warnings.showwarning = _told


def load(module: str) -> Any:
    """Imports a module without what its libraries print while they are loaded.

    TensorFlow 2.21 prints through a logger that no setting reaches yet when it is imported.

    Raises:
        ImportError: as the import does.
    """
    if module in sys.modules or os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "3":
        return importlib.import_module(module)
    with _standard_error(_without_chatter):
        return importlib.import_module(module)


def load_for_training() -> None:
    """Loads what training loads: Keras, and TensorFlow wherever it is installed.

    Keras imports TensorFlow under every backend once it serializes a network; then it would print
    into the middle of the work. For worker processes, too, which begin with this.
    """
    quiet_libraries()
    load("keras")
    if importlib.util.find_spec("tensorflow") is not None:
        load("tensorflow")
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # importing sets it anew


@contextmanager
def without_panics() -> Iterator[None]:
    """For the reading of files: polars prints pages of its own calls where one is damaged, and
    then raises what we tell in one sentence. What Python prints, a bar say, is seen at once."""
    before = sys.stderr
    with _standard_error(lambda text: b"" if b"panicked at" in text else text) as kept:
        if kept is None or not _is_standard_error(before):
            yield
            return
        with os.fdopen(os.dup(kept), "w", 1, before.encoding, before.errors) as direct:
            sys.stderr = direct
            try:
                yield
            finally:
                sys.stderr = before


def _is_standard_error(stream: Any) -> bool:
    try:
        return stream.fileno() == 2
    except (AttributeError, OSError, ValueError):
        return False


def _without_chatter(text: bytes) -> bytes:
    return b"".join(line for line in text.splitlines(keepends=True) if not _CHATTER.match(line))


@contextmanager
def _standard_error(passed: Callable[[bytes], bytes]) -> Iterator[int | None]:
    """Holds back what is written to file descriptor 2, and writes what `passed` leaves of it.

    Yields what goes where it went before; None if there is no standard error.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (AttributeError, OSError):
        yield None
        return
    try:
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), 2)
            try:
                yield kept
            finally:
                sys.stderr.flush()
                os.dup2(kept, 2)
                held.seek(0)
                text = passed(held.read())
                if text:
                    os.write(2, text)
    finally:
        os.close(kept)


def _told(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Shows a warning as one sentence: where in the code it was raised tells a user nothing."""
    print(f"equipoise: {message}", file=file or sys.stderr)
