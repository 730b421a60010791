"""Tables for the console and for documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import rich.table


@dataclass(frozen=True)
class Table:
    """Rows of cells with column headers; the first column is text, the others are numbers."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        """Check that all rows have as many cells as there are columns.

        Raises:
            ValueError: a row has more or fewer cells than there are columns.
        """
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} cells does not fit {len(self.columns)} columns: {list(row)}")

    def markdown(self) -> str:
        """The table in GitHub's Markdown."""
        lines = [self.columns, ["---", *("--:" for _ in self.columns[1:])], *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def for_console(self, title: str) -> rich.table.Table:
        """The table as rich prints it."""
        table = rich.table.Table(title=title)
        for number, column in enumerate(self.columns):
            table.add_column(column.replace("**", ""), justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*(cell.replace("**", "") for cell in row))
        return table
