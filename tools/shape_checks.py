"""A plugin of pytest that checks the annotations of qposer and fitting, shapes included, at every call.

    python -m pytest -p tools.shape_checks tests/qposer

It has to be loaded before the packages are imported. Two kinds of tests are skipped: those that give wrong input on
purpose, where the annotation refuses it before the function does, and those of ``torch.compile``, which cannot trace
the checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from unittest import mock

import pytest
from jaxtyping import TypeCheckError, install_import_hook

PACKAGES = ("qposer", "fitting")
TYPECHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
"""With the numeric tower of PEP 484, in which an int may stand for a float, as it may for mypy."""

install_import_hook(PACKAGES, TYPECHECKER)

_leave = pytest.RaisesExc.__exit__


def _leave_or_skip(
    block: pytest.RaisesExc[BaseException],
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> bool:
    if isinstance(error, TypeCheckError) and TypeCheckError not in block.expected_exceptions:
        pytest.skip("the annotation refuses the input first")
    return _leave(block, kind, error, trace)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Let an annotation refuse what a ``pytest.raises`` block expects to be refused."""
    with mock.patch.object(pytest.RaisesExc, "__exit__", _leave_or_skip):
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what compiles."""
    for item in items:
        if "compiles" in item.name:
            item.add_marker(pytest.mark.skip("torch.compile cannot trace the checks"))
