"""Texts of others (errors of libraries, names of files) made fit for messages of one line."""

from __future__ import annotations

_LONGEST = 400


def one_line(text: object, longest: int = _LONGEST) -> str:
    """A text in one line: line breaks become blanks, and what cannot be printed appears as escapes.

    Args:
        text: or an error, whose name stands in for a message that it lacks.
        longest: characters, of which the middle ones are left out.

    Returns:
        The text, no longer than ``longest``.
    """
    given = str(text) or (type(text).__name__ if isinstance(text, Exception) else "")
    joined = " ".join(line.strip() for line in given.splitlines()) if "\n" in given else given
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in joined)
    half = longest // 2
    return printable if len(printable) <= longest else f"{printable[:half]} ... {printable[-half:]}"
