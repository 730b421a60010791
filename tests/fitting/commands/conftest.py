import sys

import pytest


@pytest.fixture(autouse=True)
def named(request, monkeypatch):
    """Errors of a command's `main` begin with the script's name, also when a test calls it."""
    monkeypatch.setattr(sys, "argv", [request.module.__name__.rpartition(".")[2].removeprefix("test_")])
