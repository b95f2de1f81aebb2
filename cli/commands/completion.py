"""`verdigris completion`: the script with which a shell completes commands, options, apps and releases."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import ShellComplete, get_completion_class

NAME: Final = "verdigris"
VARIABLE: Final = "_VERDIGRIS_COMPLETE"

INSTALL: Final = {
    "bash": (
        'this shell:  eval "$(verdigris completion bash)"',
        "for good:    verdigris completion bash > ~/.local/share/bash-completion/completions/verdigris",
        "             (needs the package bash-completion; else source the file from ~/.bashrc)",
    ),
    "zsh": (
        'this shell:  eval "$(verdigris completion zsh)"',
        'for good:    verdigris completion zsh > "${fpath[1]}/_verdigris", then start a new shell',
        "             (needs `autoload -Uz compinit && compinit` in ~/.zshrc)",
    ),
    "fish": (
        "this shell:  verdigris completion fish | source",
        "for good:    verdigris completion fish > ~/.config/fish/completions/verdigris.fish",
    ),
}


@click.command
@click.argument("shell", type=click.Choice(list(INSTALL)))
def completion(shell: str) -> None:
    """Print the script that lets a shell complete.

    Its first lines say how to install it. Names of apps and ids of releases come from the server, where it
    answers at once.
    """
    click.echo(make_script(shell), nl=False)


def make_script(shell: str) -> str:
    """The script, with the words on how to install it.

    zsh wants ``#compdef`` in the first line. What bash is installed here is not asked: the script may be for
    another machine.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise LookupError(shell)
    made = kind(click.Group(NAME), {}, NAME, VARIABLE)
    first, rest = "", ShellComplete.source(made).lstrip()
    if rest.startswith("#compdef"):
        first, _, rest = rest.partition("\n")
    words = [f"# Completion of `{NAME}` in {shell}.", *(f"# {line}" for line in INSTALL[shell])]
    return "\n".join([*([first] if first else []), *words, "", rest.rstrip(), ""])
