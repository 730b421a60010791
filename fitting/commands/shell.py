"""What shells need: completion, and the folder of the shipped files."""

from __future__ import annotations

import io
import re
import sys
from contextlib import redirect_stdout, suppress

from fitting.commands.overview import COMMANDS
from fitting.commands.run import run
from qposer.io.assets import ASSETS

SHELLS = ("bash", "zsh")

USAGE = """usage: qposer completion bash|zsh

Print the completion of commands and options for a shell:

    eval "$(qposer completion bash)"    # in ~/.bashrc
    eval "$(qposer completion zsh)"     # in ~/.zshrc, after compinit

It takes seconds, because it loads every command; a file is faster:

    qposer completion bash > ~/.local/share/bash-completion/completions/qposer
"""

_SCRIPT = """{zsh}_qposer() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
  case "${{COMP_WORDS[*]:1:$((COMP_CWORD - 1))}} " in
{cases}
  esac
  if [[ "$word" == -* || -n "$words" && "$words" != -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  else
    COMPREPLY=()
  fi
}}
complete -o default -F _qposer qposer
"""

_LISTED = ("│ -", "  -")
"""How lines of the help begin that list options."""

_SUBCOMMANDS = {"edit": ("swap", "mirror", "interpolate", "vary")}
"""Words that a command itself takes first."""


def completion(shell: str) -> str:
    """The script that completes the commands, and the options of each.

    Args:
        shell: one of `SHELLS`.

    Returns:
        A script for the shell to evaluate.

    Raises:
        ValueError: another shell.
    """
    if shell not in SHELLS:
        raise ValueError(f"there is no completion for {shell!r}: expected one of {', '.join(SHELLS)}")
    choices: dict[str, list[str]] = {}
    for name in COMMANDS:
        *group, last = name.split()
        choices.setdefault(" ".join(group), []).append(last)
        if group:
            choices.setdefault("", []).append(group[0])
    for name, words in _SUBCOMMANDS.items():
        choices[name] = list(words)
    choices["completion"] = list(SHELLS)
    exact = [f'    "{name} ") words="{" ".join(dict.fromkeys(words))}";;' for name, words in choices.items()]
    full = [*COMMANDS, *(f"{name} {word}" for name, words in _SUBCOMMANDS.items() for word in words)]
    started = [f'    "{name} "*) words="{" ".join(options(name))}";;' for name in reversed(full) if name not in choices]
    zsh = "autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else ""
    return _SCRIPT.format(zsh=zsh, cases="\n".join([*exact, *started]))


def options(name: str) -> list[str]:
    """Options of a command, from its help.

    Args:
        name: a command, with its subcommand if it has some.

    Returns:
        The options, in the order of the help.
    """
    *words, last = name.split()
    command, rest = (name, []) if name in COMMANDS else (" ".join(words), [last])
    arguments, shown = sys.argv, io.StringIO()
    try:
        with redirect_stdout(shown), suppress(SystemExit):
            run(command, [*rest, "--help"])
    finally:
        sys.argv = arguments
    listed = [line for line in shown.getvalue().splitlines() if line.startswith(_LISTED)]
    return list(dict.fromkeys(option for line in listed for option in re.findall(r"(?<![\w-])--[a-z][\w.-]*", line)))


def print_completion() -> None:
    """The command ``qposer completion SHELL``."""
    words = sys.argv[1:]
    if words in ([], ["-h"], ["--help"]):
        print(USAGE, end="")
        return
    from qposer.io.cli_errors import cli_errors  # needs rich, which `qposer assets` does not

    with cli_errors():
        print(completion(" ".join(words)), end="")


def print_assets() -> None:
    """The command ``qposer assets``."""
    if sys.argv[1:]:
        print("usage: qposer assets\n\nPrint the folder of the weights, the body, the detector and the example photos.")
    else:
        print(ASSETS)
