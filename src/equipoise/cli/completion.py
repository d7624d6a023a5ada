"""The command `completion`: the script with which a shell completes commands and options."""

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script with which a shell completes commands and options.

    For bash: equipoise completion bash > ~/.local/share/bash-completion/completions/equipoise
    (equipoise --install-completion does that, and the same for zsh and fish).

    Parameters
    ----------
    shell
        The shell that reads it.
    """
    from equipoise.cli.app import app

    print(app.generate_completion(shell=shell))
