"""The command line: what runs a command, and the exit codes."""

import os
import sys
from collections.abc import Sequence

from equipoise._errors import EquipoiseError, InvalidFile, InvalidInput, require
from equipoise.cli.libraries import quiet_libraries
from equipoise.cli.words import told

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
        from equipoise.cli.progress import interrupts_kept

        # Not at the end: what is written by then stays written.
        with interrupts_kept(at_end=False):
            from equipoise.cli.app import run

            return run(sys.argv[1:] if arguments is None else list(arguments))
    except EquipoiseError as error:
        print(f"equipoise: {told(error)}", file=sys.stderr)
        wrong_use = isinstance(error, InvalidInput) and not isinstance(error, InvalidFile)
        return _WRONG_USE if wrong_use else _FAILED
    except KeyboardInterrupt as stop:
        print(f"equipoise: {str(stop) or 'interrupted; nothing was written.'}", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _DONE
