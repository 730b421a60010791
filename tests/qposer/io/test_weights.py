import dataclasses
import json

import pytest
import torch
from safetensors import SafetensorError

from qposer.io.weights import read_tensors, write_tensors
from qposer.prior.model import QPoser, QPoserConfig

SMALL = QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    QPoser(SMALL).save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def with_config(path, **changes):
    tensors, metadata = read_tensors(path)
    config = json.dumps(dataclasses.asdict(SMALL) | changes)
    write_tensors(path, tensors, metadata | {"config": config})
    return path


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({"depth": 10**9}, "depth is 1000000000"),
        ({"width": 10**9}, "width is 1000000000"),
        ({"depth": 30}, "absent"),
        ({"heads": "4"}, "heads is 4"),
        ({"heads": -1}, "heads is -1"),
        ({"codes": 1.5}, "codes is 1.5"),
        ({"shared_codebook": 1}, "shared_codebook is 1"),
        ({"attention_heads": 3}, "cannot be divided among 3 attention heads"),
        ({"attention_heads": 0}, "cannot be divided among 0 attention heads"),
        ({"unheard_of": 1}, "unheard_of"),
    ],
)
def test_a_configuration_of_other_weights_is_rejected_at_once(saved, changes, reported):
    with pytest.raises(ValueError, match=reported):
        QPoser.from_pretrained(with_config(saved, **changes))


def test_sizes_are_compared_before_memory_is_taken(saved, monkeypatch):
    """A long vector in a small file must not allocate a matrix of its squared length."""
    tensors, metadata = read_tensors(saved)
    config = json.dumps(dataclasses.asdict(SMALL) | {"width": 2**20})
    write_tensors(saved, tensors | {"long": torch.zeros(2**20, dtype=torch.uint8)}, metadata | {"config": config})
    made = []
    initialise = torch.nn.Linear.reset_parameters
    monkeypatch.setattr(
        torch.nn.Linear, "reset_parameters", lambda self: made.append(self.weight.device.type) or initialise(self)
    )
    with pytest.raises(ValueError, match="do not match its configuration"):
        QPoser.from_pretrained(saved)
    assert set(made) <= {"meta"}


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e30])
def test_nonfinite_weights_are_rejected(saved, value):
    tensors, metadata = read_tensors(saved)
    tensors["decoder.norm.weight"][3] = value
    write_tensors(saved, tensors, metadata)
    with pytest.raises(ValueError, match=r"decoder\.norm\.weight contains NaN"):
        QPoser.from_pretrained(saved)


def test_weights_are_in_single_precision_whatever_the_default(saved):
    torch.set_default_dtype(torch.float64)
    try:
        model = QPoser.from_pretrained(saved)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_full_disk_is_an_error_of_the_system(tmp_path, monkeypatch):
    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("qposer.io.weights.save_file", full)
    with pytest.raises(OSError, match=r"cannot write .*No space left"):
        write_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(1)}, {})
    assert list(tmp_path.iterdir()) == []
