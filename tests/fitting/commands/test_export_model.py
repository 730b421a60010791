import pytest
import torch

from qposer.vposer import VPoserV2

LATENTS = torch.linspace(-1, 1, 96).reshape(3, 32)


def test_programs_of_torch_decode_as_the_drop_in(run, random_prior, tmp_path):
    said = run("export_model", "torch", "--model", "vposer_decode", "--out", tmp_path)
    assert said.startswith(f"{tmp_path / 'vposer_decode.pt2'}: ")
    found = torch.export.load(tmp_path / "vposer_decode.pt2").module()(LATENTS)
    for ours, theirs in zip(found, VPoserV2.from_pretrained().decode(LATENTS).values(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_onnx_files_have_their_model_s_name(run, random_prior, tmp_path):
    pytest.importorskip("onnxscript", reason="it writes ONNX files")
    onnxruntime = pytest.importorskip("onnxruntime", reason="it runs ONNX files")
    run("export_model", "onnx", "--model", "decode", "--out", tmp_path)
    session = onnxruntime.InferenceSession(tmp_path / "decode.onnx")
    codes = torch.arange(84).reshape(1, 21, 4)[..., :2] % 16
    (found,) = session.run(None, {"codes": codes.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), random_prior.model.decode(codes), atol=1e-5, rtol=0)
