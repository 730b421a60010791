import pytest
import torch

from benchmarks import export
from qposer.export import Exportable, Function


def doubled(value):
    return 2 * value


def test_the_largest_difference_is_found():
    model = Exportable(Function(doubled), {"value": torch.ones(2, 3)}, ("doubled",))

    def run(arrays):
        assert arrays["value"].shape == (5, 3)
        found = 2 * arrays["value"]
        found[3, 1] += 0.5
        return [found]

    *milliseconds, difference = export.compared(model, run, 5, 2)
    assert len(milliseconds) == 2
    assert difference == "5.0e-01"


def test_a_folder_without_the_files_is_refused(tmp_path, capsys):
    pytest.importorskip("onnxruntime", reason="it runs ONNX files")
    with pytest.raises(SystemExit):
        export.main(tmp_path)
    assert "run python demos/export_model.py onnx" in capsys.readouterr().err
