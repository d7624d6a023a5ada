"""What libraries print is kept away; what we print, and what ends a program, is not."""

import os
import sys
import warnings

import pytest

from equipoise._errors import EquipoiseWarning
from equipoise.cli.libraries import _without_chatter, quiet_libraries, without_panics

CHATTER = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795322498.868954    9637 port.cc:153] oneDNN custom operations are on.
W0000 00:00:1795322498.868954    9637 x.cc:1] unusual
E0000 00:00:1795324098.370525   29201 cuda_platform.cc:52] failed call to cuInit
2026-01-02 03:04:05.678901: I tensorflow/core/platform/cpu_feature_guard.cc:210] optimised
To enable the following instructions: AVX2, in other operations, rebuild TensorFlow.
"""
KEPT = b"""\
F0000 00:00:1795324098.370525   29201 x.cc:52] Check failed
equipoise: there is no file
It took 10 s
"""


def test_log_lines_go_and_others_stay():
    assert _without_chatter(CHATTER) == b""
    assert _without_chatter(CHATTER + KEPT + CHATTER) == KEPT


def test_a_panic_is_left_to_the_error_that_tells_it(capfd):
    with without_panics():
        os.write(2, b"thread 'x' panicked at bitmap.rs:329:9:\nstack backtrace:\n")
    assert capfd.readouterr().err == ""
    with without_panics():
        os.write(2, b"a line\n")
    assert capfd.readouterr().err == "a line\n"


def test_what_python_prints_is_seen_at_once(capfd):
    before = sys.stderr
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 (the true one)
    try:
        own = sys.stderr
        with without_panics():
            print("bar", file=sys.stderr)
            assert capfd.readouterr().err == "bar\n"
        assert sys.stderr is own
    finally:
        sys.stderr = before


@pytest.mark.filterwarnings("default")
def test_our_warnings_are_one_sentence_and_others_are_not_shown(capsys, monkeypatch):
    monkeypatch.setattr(sys, "warnoptions", [])
    with warnings.catch_warnings():
        quiet_libraries()
        warnings.warn("Look at this.", EquipoiseWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        assert capsys.readouterr().err == "equipoise: Look at this.\n"
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quiet_libraries()
        with pytest.raises(DeprecationWarning):
            warnings.warn("old", DeprecationWarning, stacklevel=1)
