"""Pytest plugin that checks the annotations of qposer and fitting, including shapes, at every call.

    python -m pytest -p tools.shape_checks tests/qposer

It must be loaded before the packages are imported. Two kinds of tests are skipped: those with intentionally wrong
input, which the annotation rejects before the function does, and those of ``torch.compile``, which cannot trace
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
"""Configuration with the numeric tower of PEP 484: an int is accepted as a float, as in mypy."""

install_import_hook(PACKAGES, TYPECHECKER)

_leave = pytest.RaisesExc.__exit__


def _leave_or_skip(
    block: pytest.RaisesExc[BaseException],
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> bool:
    if isinstance(error, TypeCheckError) and TypeCheckError not in block.expected_exceptions:
        pytest.skip("the annotation rejects the input first")
    return _leave(block, kind, error, trace)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Skip a test if an annotation rejects the input of a ``pytest.raises`` block."""
    with mock.patch.object(pytest.RaisesExc, "__exit__", _leave_or_skip):
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests of ``torch.compile``."""
    for item in items:
        if "compiles" in item.name:
            item.add_marker(pytest.mark.skip("torch.compile cannot trace the checks"))
