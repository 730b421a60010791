"""Exported models: PyTorch's numbers for batches of any size, in onnxruntime and in torch without this package."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from qposer.export import export_onnx, export_torch, prior_model
from qposer.prior.code_prior import CodePrior

MODELS = ("encode", "decode", "energy", "pull", "vposer_decode")
BATCHES = (1, 2, 21)

PROGRAM = """
import sys, torch
model = torch.export.load("decode.pt2").module()
torch.save(model(torch.load("codes.pt")), "poses.pt")
assert not {"qposer", "fitting"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def prior():
    return CodePrior.from_pretrained()


@pytest.fixture(scope="module", params=MODELS)
def exported(request, prior, tmp_path_factory):
    """A model, and a session of its ONNX file."""
    pytest.importorskip("onnxscript", reason="it writes ONNX files")
    onnxruntime = pytest.importorskip("onnxruntime", reason="it runs ONNX files")
    model = prior_model(request.param, prior)
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(model, path)
    return request.param, model, onnxruntime.InferenceSession(path), path


def inputs_of(name, prior, batch):
    """Inputs that differ within the batch."""
    random = torch.Generator().manual_seed(batch)
    poses = 0.3 * torch.randn(batch, 21, 3, generator=random)
    noise = torch.randn(21, 4, generator=random)
    levels = 0.05 + torch.rand(batch, 21, generator=random)
    return {
        "encode": lambda: (poses,),
        "energy": lambda: (poses,),
        "decode": lambda: (torch.randint(256, (batch, 21, 4), generator=random),),
        "pull": lambda: (prior.model.latents(poses), levels, noise),
        "vposer_decode": lambda: (torch.randn(batch, 32, generator=random),),
    }[name]()


def as_tuple(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def test_onnx_gives_the_numbers_of_pytorch(exported, prior):
    name, model, session, _ = exported
    for batch in BATCHES:
        inputs = inputs_of(name, prior, batch)
        found = session.run(None, dict(zip(model.inputs, (value.numpy() for value in inputs), strict=True)))
        for ours, theirs in zip(as_tuple(model.module(*inputs)), found, strict=True):
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-5, rtol=0)


def test_inputs_and_outputs_have_names_and_a_batch_of_any_size(exported):
    _, model, session, _ = exported
    assert [given.name for given in session.get_inputs()] == list(model.inputs)
    assert [given.name for given in session.get_outputs()] == list(model.outputs)
    for given in (*session.get_inputs(), *session.get_outputs()):
        assert given.name in model.shared or given.shape[0] == "batch"


def test_the_file_names_no_source_files(exported):
    assert b".py" not in exported[-1].read_bytes()


def test_equal_weights_make_equal_files(exported, prior, tmp_path):
    name, model, _, path = exported
    if name == "vposer_decode":  # one of them is enough
        export_onnx(model, tmp_path / "again.onnx")
        assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_the_models_are_those_of_the_prior(prior):
    for name in MODELS:
        inputs = inputs_of(name, prior, 3)
        found = as_tuple(prior_model(name, prior).module(*inputs))
        if name == "encode":
            assert torch.equal(found[0], prior.model.encode(*inputs))
            assert torch.equal(found[1], prior.model.latents(*inputs))
        elif name == "decode":
            assert torch.equal(found[0], prior.model.decode(*inputs))
        elif name == "energy":
            assert torch.equal(found[0], prior.energy(*inputs))


def test_the_pull_of_the_generator_s_noise_is_that_of_the_prior(prior):
    latents, levels, _ = inputs_of("pull", prior, 3)
    latents.requires_grad_()
    expected = prior.pull(latents, levels, torch.Generator().manual_seed(7))
    (gradient,) = torch.autograd.grad(expected.sum(), latents)
    noise = torch.randn(21, 4, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        found = prior_model("pull", prior).module(latents, levels, noise)
    torch.testing.assert_close(found, (expected, gradient), check_layout=False)


def test_the_drop_in_decodes_as_its_export():
    from qposer.vposer import VPoserV2

    latents = torch.randn(2, 32, generator=torch.Generator().manual_seed(0))
    decoded = VPoserV2.from_pretrained().decode(latents)
    model = prior_model("vposer_decode")
    assert model.outputs == tuple(decoded)
    for ours, theirs in zip(model.module(latents), decoded.values(), strict=True):
        assert torch.equal(ours, theirs)


def test_torch_loads_a_program_without_this_package(prior, tmp_path):
    export_torch(prior_model("decode", prior), tmp_path / "decode.pt2")
    (codes,) = inputs_of("decode", prior, 5)
    torch.save(codes, tmp_path / "codes.pt")
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, check=True, capture_output=True)
    torch.testing.assert_close(torch.load(tmp_path / "poses.pt"), prior.model.decode(codes), atol=1e-6, rtol=0)
    assert b"/glif.py" not in (tmp_path / "decode.pt2").read_bytes()


def test_an_unknown_model_is_refused(prior, tmp_path):
    with pytest.raises(ValueError, match="no model 'sample' to export: use encode, decode"):
        export_torch("sample", tmp_path / "sample.pt2")
    assert not list(tmp_path.iterdir())


def test_onnx_without_its_packages_is_refused(prior, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ValueError, match="pip install onnx onnxscript"):
        export_onnx(prior_model("decode", prior), tmp_path / "decode.onnx")
