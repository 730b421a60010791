"""Convert external texts (errors of libraries, file names) for one-line messages."""

from __future__ import annotations

_LONGEST = 400


def one_line(text: object, longest: int = _LONGEST) -> str:
    """A text in one line: line breaks become spaces, and unprintable characters are escaped.

    Args:
        text: a text, or an error, whose name replaces an empty message.
        longest: maximum number of characters; the middle is cut.

    Returns:
        The text, at most ``longest`` characters.
    """
    given = str(text) or (type(text).__name__ if isinstance(text, Exception) else "")
    joined = " ".join(line.strip() for line in given.splitlines()) if "\n" in given else given
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in joined)
    half = longest // 2
    return printable if len(printable) <= longest else f"{printable[:half]} ... {printable[-half:]}"
