"""Mutation tests: apply each mutant of `mutants.toml` in a copy of the project, where its tests must fail.

python -m tools.mutants --out docs/notes
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from benchmarks.tables import Table
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

ROOT = Path(__file__).parents[1]
LIST = ROOT / "tools" / "mutants.toml"

TIME_OUT = 600.0
"""Time limit in seconds for the tests of one mutant; slower ones count as hanging."""

PASSED, FAILED = 0, 1
"""Exit statuses of pytest that are test results; others mean an error in the mutant's description."""

TEXT = """# Mutation tests

Each mutation was applied separately in a copy of the project, and the responsible tests were run:
`python -m tools.mutants --out docs/notes`. The mutations are defined in `tools/mutants.toml`.

{summary}

{table}
"""


@dataclass(frozen=True)
class Mutant:
    """A mutation, and the tests that must detect it."""

    name: str
    file: str
    """Path relative to the project."""
    text: str
    """Text of the file, which must occur once."""
    mistake: str
    """Replacement text."""
    tests: tuple[str, ...]
    """Test files or pytest node ids."""

    def mutated(self, source: str) -> str:
        """Source of the file with the mutation.

        Raises:
            ValueError: the text does not occur exactly once.
        """
        count = source.count(self.text)
        if count != 1:
            raise ValueError(
                f"the text of {self.name} occurs {count} times in {self.file}, not once: correct tools/mutants.toml"
            )
        return source.replace(self.text, self.mistake)


@dataclass(frozen=True)
class Verdict:
    """Result of a mutant."""

    mutant: Mutant
    caught_by: str | None
    """First failed test, or a message about the time limit; None if the mutant survived."""


def read_mutants(path: Path = LIST) -> list[Mutant]:
    """Read the mutants of a file.

    Raises:
        ValueError: two have the same name.
    """
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    mutants = [Mutant(**{**table, "tests": tuple(table["tests"])}) for table in tables]
    names = [mutant.name for mutant in mutants]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"several mutants have the name {', '.join(repeated)}: give each its own")
    return mutants


@contextmanager
def copied(root: Path = ROOT) -> Iterator[Path]:
    """Temporary copy of the project's files, including uncommitted ones."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        for name in filter(None, listed.split("\0")):
            if (root / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, Path(folder) / name)
        yield Path(folder)


def first_failure(project: Path, tests: Sequence[str]) -> str | None:
    """Run tests until one fails.

    Args:
        project: folder of the project.
        tests: test files or pytest node ids.

    Returns:
        Name of the failed test, or a message about the time limit; None if all pass.

    Raises:
        ValueError: the tests could not be run.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ended = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=TIME_OUT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no end within {TIME_OUT:.0f} s"
    if ended.returncode == PASSED:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", ended.stdout, re.MULTILINE)
    if ended.returncode != FAILED or failed is None:
        raise ValueError(f"{' '.join(tests)} could not be run: {(ended.stdout + ended.stderr)[-1000:]}")
    return failed[1]


def check_sound(project: Path, tests: Sequence[str]) -> None:
    """Check that the tests pass without a mutation.

    Args:
        project: folder of the project.
        tests: test files or pytest node ids.

    Raises:
        ValueError: a test fails.
    """
    if failure := first_failure(project, tests):
        raise ValueError(f"{failure} fails without a mutation: fix it first")


def run_mutant(project: Path, mutant: Mutant) -> Verdict:
    """Apply a mutation, run its tests, and revert it.

    Args:
        project: folder of a copy of the project.
        mutant: the mutation.

    Returns:
        The result.

    Raises:
        ValueError: the text does not occur exactly once, or the tests could not be run.
    """
    path = project / mutant.file
    source = path.read_text(encoding="utf-8")
    path.write_text(mutant.mutated(source), encoding="utf-8")
    try:
        return Verdict(mutant, first_failure(project, mutant.tests))
    finally:
        path.write_text(source, encoding="utf-8")


def report(verdicts: Iterable[Verdict]) -> str:
    """Report of caught and surviving mutants."""
    verdicts = list(verdicts)
    caught = sum(verdict.caught_by is not None for verdict in verdicts)
    rows = [
        [
            verdict.mutant.name,
            f"`{verdict.mutant.file}`",
            "survived" if verdict.caught_by is None else f"caught by `{verdict.caught_by}`",
        ]
        for verdict in verdicts
    ]
    table = Table(["mutation", "file", "tests"], rows)
    return TEXT.format(summary=f"{caught} of {len(verdicts)} mutations are caught.", table=table.markdown())


def main(only: str | None = None, out: Path | None = None) -> None:
    """Report for each mutant whether its tests catch it; exit with status 1 if one survives.

    Args:
        only: name of a single mutant to try.
        out: folder for mutants.md; default: nothing is written.

    Raises:
        ValueError: the mutant does not exist or cannot be tried; printed in one line, with status 2.
        SystemExit: a mutant survives.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with cli_errors("tools.mutants"):
        every = read_mutants()
        mutants = [mutant for mutant in every if only in (None, mutant.name)]
        if not mutants:
            raise ValueError(f"there is no mutant {only}: use one of {', '.join(mutant.name for mutant in every)}")
        verdicts: list[Verdict] = []
        with copied() as project:
            for mutant in mutants:
                if mutant.tests not in {verdict.mutant.tests for verdict in verdicts}:
                    check_sound(project, mutant.tests)
                verdicts.append(run_mutant(project, mutant))
                console.print(f"{mutant.name}: {verdicts[-1].caught_by or 'SURVIVED'}")
        if out is not None:
            with atomic_write(out / "mutants.md") as temporary:
                temporary.write_text(report(verdicts), encoding="utf-8")
    if any(verdict.caught_by is None for verdict in verdicts):
        raise SystemExit(1)


if __name__ == "__main__":
    tyro.cli(main)
