import pytest
from rich.console import Console

from benchmarks.tables import Table

TABLE = Table(("", "error"), [("QPoser", "**3.6**"), ("VPoser", "20.1")])


def test_markdown_aligns_figures_to_the_right():
    assert TABLE.markdown().splitlines() == [
        "|  | error |",
        "| --- | --: |",
        "| QPoser | **3.6** |",
        "| VPoser | 20.1 |",
    ]


def test_a_console_shows_the_cells_without_marks():
    console = Console(width=60)
    with console.capture() as shown:
        console.print(TABLE.for_console("errors"))
    assert "3.6" in shown.get()
    assert "*" not in shown.get()


def test_ragged_rows_are_refused():
    with pytest.raises(ValueError, match="1 cells does not fit 2 columns"):
        Table(("", "error"), [("QPoser",)])
