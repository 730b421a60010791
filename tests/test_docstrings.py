import pytest

from tools.docstrings import ROOT, complaints, modules


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_document_their_arguments_results_and_errors(path):
    assert complaints(path.read_text("utf-8")) == []
