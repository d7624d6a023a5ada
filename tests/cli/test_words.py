"""Errors name options as a shell takes them."""

import pytest

from equipoise._errors import InvalidInput
from equipoise.cli import main
from equipoise.cli.words import told


@pytest.mark.parametrize(
    ("remedy", "expected"),
    [
        ("Pass mixed=True.", "Pass --mixed."),
        ("pass header=False, or quoting=False if", "pass --no-header, or --no-quoting if"),
        ("Leave it out with ignore=['a b'].", "Leave it out with --ignore 'a b'."),
        ('ignore=["it\'s"]', "--ignore 'it'\"'\"'s'"),
        (
            "pass labels_column='tags', delimiter=','.",
            "pass --labels-column tags, --delimiter ','.",
        ),
        ('with absent="max" or `label_names`', "with --absent max or --label-names"),
        ("pass labels=['a', 'b c'] or `max_epochs`", "pass --labels 'a,b c' or --epochs"),
        ("x_ignore=['a'], mixed=Truely", "x_ignore=['a'], mixed=Truely"),
    ],
)
def test_options_are_written_as_in_a_shell(remedy, expected):
    error = InvalidInput("`ignore` is odd.", received="mixed=True", remedy=remedy)
    assert told(error) == f"--ignore is odd. Received: mixed=True. {expected}"


def test_what_is_not_said_is_left_out():
    assert told(InvalidInput("Odd.")) == "Odd."


def test_an_error_of_a_command(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("a,lab\nx,1\ny,0\n", encoding="utf-8")
    assert main(["describe", str(path), "-l", "lab"]) == 1
    assert "Leave the column out with --ignore a, or pass --mixed to" in capsys.readouterr().err
