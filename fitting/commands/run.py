"""``qposer``: find a command by its name, load it, and run it."""

from __future__ import annotations

import sys

from qposer.io.interrupts import end_on_interrupt


def main() -> None:
    """The command line ``qposer COMMAND ...``."""
    end_on_interrupt()
    from fitting.commands.overview import COMMANDS, overview

    words = sys.argv[1:]
    groups = {name.partition(" ")[0] for name in COMMANDS if " " in name}
    length = 2 if words and words[0] in groups else 1
    name = " ".join(words[:length])
    if name in COMMANDS:
        run(name, words[length:])
    elif not words or words[0] in ("-h", "--help"):
        print(overview())
    elif words[0] in ("-V", "--version"):
        import qposer

        print(f"qposer {qposer.__version__}")
    elif words[0] in groups and (len(words) == 1 or words[1] in ("-h", "--help")):
        print(overview(words[0]))
    else:
        _refuse(name)


def run(name: str, arguments: list[str] | None = None) -> None:
    """Run a command.

    Errors of input end the program with one line on stderr and exit status 2; so does a package that is not installed.

    Args:
        name: a name in `fitting.commands.overview.COMMANDS`.
        arguments: command line of the command ``qposer NAME``; default: that of this script.
    """
    end_on_interrupt()
    import importlib

    from fitting.commands.overview import COMMANDS
    from qposer.io.extras import explained
    from qposer.io.interrupts import program_name

    if arguments is not None:
        sys.argv = [f"qposer {name}", *arguments]
    module, _, function = COMMANDS[name].target.partition(":")
    try:
        getattr(importlib.import_module(module), function)()
    except ModuleNotFoundError as error:
        missing = explained(error)
        if missing is None:
            raise
        print(f"{program_name()}: {missing}", file=sys.stderr)
        sys.exit(2)


def _refuse(name: str) -> None:
    """End the program: no command has this name."""
    from difflib import get_close_matches

    from fitting.commands.overview import COMMANDS

    close = get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    hint = f"did you mean qposer {close[0]}? " if close else ""
    print(f"qposer: there is no command {name!r}: {hint}qposer --help lists all commands", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
