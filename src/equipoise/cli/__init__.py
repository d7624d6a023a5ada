"""The command line: what runs a command, and the exit codes."""

import importlib.util
import os
import sys
import warnings
from collections.abc import Sequence

from equipoise._errors import EquipoiseError, EquipoiseWarning, InvalidFile, InvalidInput, require

_DONE, _FAILED, _WRONG_USE, _INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    0 done, 1 failed (a file that cannot be read, work that broke off), 2 wrong use (an option that
    does not exist or does not fit), 130 interrupted.
    """
    quiet_libraries()
    try:
        require("cyclopts", extra="cli", purpose="The command line")
        require("rich", extra="cli", purpose="The command line")
        from equipoise.cli.app import run

        return run(sys.argv[1:] if arguments is None else list(arguments))
    except EquipoiseError as error:
        print(f"equipoise: {error}", file=sys.stderr)
        wrong_use = isinstance(error, InvalidInput) and not isinstance(error, InvalidFile)
        return _WRONG_USE if wrong_use else _FAILED
    except KeyboardInterrupt as stop:
        told = str(stop) or "interrupted; nothing was written."
        print(f"equipoise: {told}", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _DONE


def quiet_libraries() -> None:
    """Chooses an installed Keras backend where none is set, and keeps library chatter away."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "KERAS_BACKEND" not in os.environ:
        for backend, module in (("jax", "jax"), ("tensorflow", "tensorflow"), ("torch", "torch")):
            if importlib.util.find_spec(module) is not None:
                os.environ["KERAS_BACKEND"] = backend
                break
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", EquipoiseWarning)
