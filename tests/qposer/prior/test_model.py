import pytest
import torch
from torch import nn

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.prior.model import QPoser, QPoserConfig

SMALL = QPoserConfig(heads=2, codes=16, code_dim=4, width=32, depth=1, global_tokens=2, attention_heads=2)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return QPoser(SMALL).eval()


def poses(*shape):
    return 0.3 * torch.randn(*shape, 21, 3, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3)])
def test_any_batch_shape(model, shape):
    codes = model.encode(poses(*shape))
    assert codes.shape == (*shape, 21, 2)
    assert model.decode(codes).shape == (*shape, 21, 3, 3)
    assert model.reconstruct(poses(*shape)).shape == (*shape, 21, 3)


def test_batched_and_single_agree(model):
    batch = poses(4)
    assert torch.equal(model.encode(batch)[2], model.encode(batch[2]))


def test_axis_angle_and_matrices_agree(model):
    assert torch.equal(model.encode(poses(3)), model.encode(axis_angle_to_matrix(poses(3))))
    torch.testing.assert_close(
        axis_angle_to_matrix(model.reconstruct(poses(3))), model.reconstruct(axis_angle_to_matrix(poses(3)))
    )


def test_decoded_matrices_are_rotations(model):
    matrices = model.decode(model.encode(poses(3)))
    torch.testing.assert_close(matrices @ matrices.mT, torch.eye(3).expand_as(matrices), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(3, 21))


def test_double_precision(model):
    double = model.double()
    matrices = double.decode(double.encode(poses(3).double()))
    assert matrices.dtype == torch.float64


def test_cold_relaxed_decoding_is_hard_decoding(model):
    logits = torch.randn(3, 21, 2, 16)
    torch.testing.assert_close(model.decode_relaxed(logits, 1e-4), model.decode(logits.argmax(-1)))


def test_relaxed_decoding_has_gradients_in_every_logit(model):
    logits = torch.randn(2, 21, 2, 16, requires_grad=True)
    model.decode_relaxed(logits, 1.0)[..., 0].sum().backward()
    assert (logits.grad != 0).all()


def test_decode_compiles_and_exports(model):
    codes = torch.randint(16, (2, 21, 2))
    expected = model.decode(codes)

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, codes):
            return self.model.decode(codes)

    batch = torch.export.Dim("batch", min=1, max=4096)
    exported = torch.export.export(Decoder(), (codes,), dynamic_shapes={"codes": {0: batch}}).module()
    torch.testing.assert_close(exported(codes), expected)
    assert exported(torch.randint(16, (5, 21, 2))).shape == (5, 21, 3, 3)
    torch.testing.assert_close(torch.compile(model.decode, backend="aot_eager")(codes), expected)


def test_saved_and_read_back(model, tmp_path):
    model.save(tmp_path / "weights.safetensors", seed="3")
    again = QPoser.from_pretrained(tmp_path / "weights.safetensors")
    assert again.config == SMALL
    assert torch.equal(again.encode(poses(3)), model.encode(poses(3)))
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        QPoser.from_pretrained(tmp_path / "nothing.safetensors")


def test_other_files_are_refused(tmp_path):
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"no weights at all")
    with pytest.raises(ValueError, match="not a safetensors file"):
        QPoser.from_pretrained(file)


def test_weights_of_other_sizes_are_refused(model, tmp_path):
    model.config = QPoserConfig(heads=2, codes=16, code_dim=4, width=64, depth=1, global_tokens=2, attention_heads=2)
    model.save(tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match="do not match its configuration"):
        QPoser.from_pretrained(tmp_path / "weights.safetensors")


def test_nan_is_refused(model):
    pose = poses(2)
    pose[1, 4, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        model.encode(pose)


def test_a_reconstruction_has_the_precision_of_the_pose(model):
    assert model.reconstruct(poses(2).double()).dtype == torch.float64


def test_fingerprints_distinguish_weights_and_survive_files(tmp_path):
    config = QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2)
    model, other = QPoser(config).eval(), QPoser(config).eval()
    assert model.fingerprint() != other.fingerprint()
    model.save(tmp_path / "model.safetensors")
    again = QPoser.from_pretrained(tmp_path / "model.safetensors")
    assert again.fingerprint() == model.fingerprint() == again.double().fingerprint()


@pytest.mark.parametrize(
    ("codes", "reported"),
    [
        (torch.zeros(21, 4), "codes must be integers"),
        (torch.zeros(21, 4, dtype=torch.bool), "codes must be integers"),
        (torch.zeros(21, 4, dtype=torch.complex64), "codes must be integers"),
        (torch.zeros(20, 4, dtype=torch.long), r"\(..., 21, 4\) integers"),
        (torch.zeros(4, dtype=torch.long), r"\(..., 21, 4\) integers"),
        (torch.full((21, 4), -1), "codes must be from 0"),
        (torch.full((21, 4), 256), "codes must be from 0"),
    ],
)
def test_invalid_codes_are_not_decoded(codes, reported):
    with pytest.raises(ValueError, match=reported):
        QPoser(QPoserConfig(width=8, depth=1)).decode(codes)


@pytest.mark.parametrize(
    ("logits", "temperature", "reported"),
    [
        (torch.zeros(21, 4, 255), 1.0, "logits must be"),
        (torch.zeros(21, 4, 256, dtype=torch.long), 1.0, "logits must be"),
        (torch.full((21, 4, 256), torch.nan), 1.0, "NaN"),
        (torch.zeros(21, 4, 256), 0.0, "the temperature must be"),
    ],
)
def test_invalid_logits_are_not_decoded(logits, temperature, reported):
    with pytest.raises(ValueError, match=reported):
        QPoser(QPoserConfig(width=8, depth=1)).decode_relaxed(logits, temperature)
