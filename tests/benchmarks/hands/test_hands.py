import numpy as np
import pytest
import torch

from benchmarks import intervals
from benchmarks.hands import __main__ as module
from benchmarks.hands import sections
from benchmarks.hands.__main__ import main
from benchmarks.hands.gaussian import GaussianHands
from benchmarks.hands.held_out import held_out
from benchmarks.hands.negatives import NEGATIVES
from benchmarks.hands.pictures import draw_hands_sheet, spread_out
from benchmarks.hands.sections import completion, plausibility, reconstruction
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.hands.anatomy import draw_hands, entangled
from qposer.hands.angles import angles_of, rotations_of
from qposer.hands.dataset import HandDataset
from qposer.hands.prior import HandConfig, HandNetworks, HandPrior
from qposer.hands.train import SHARES

SMALL = HandConfig(heads=2, codes=16, width=8, depth=1, global_tokens=1, attention_heads=1, prior_width=16)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def poses(number, seed=0):
    return matrix_to_axis_angle(rotations_of(draw_hands(number, seeded(seed))))


@pytest.fixture(scope="module")
def data():
    """Drawn hands of every source."""
    number = 12 * (len(SHARES) - 1)
    sources = np.repeat([source for source in SHARES if source != "drawn"], 12)
    labels, splits = np.tile(["a", "b", "c"], number // 3), np.tile(["train", "test"], number // 2)
    return HandDataset(poses(number), sources, labels, splits)


@pytest.fixture(scope="module")
def prior():
    torch.manual_seed(0)
    return HandPrior(HandNetworks(SMALL).eval().requires_grad_(False))


def degrees(hands):
    return torch.rad2deg(angles_of(axis_angle_to_matrix(hands)))


def test_negatives_are_what_they_are_called():
    real = poses(60)
    made = {name: way(real, seeded(1)) for name, way in NEGATIVES.items()}
    bent = degrees(made["bent backwards"])[:, :12, 0].unflatten(1, (4, 3)) < -15
    assert (bent.all(-1).sum(-1) >= 1).all()
    fingers = degrees(made["last joint alone"])[:, :12, 0].unflatten(1, (4, 3))
    assert ((fingers[..., 1].abs() < 1e-2) & (fingers[..., 2] > 54)).any(-1).all()
    assert entangled(angles_of(axis_angle_to_matrix(made["crossed"]))).float().mean() > 0.6
    for name, hands in made.items():
        changed = (hands - real).abs().amax(-1) > 1e-3
        assert changed.any(-1).all(), name
        assert (changed.sum(-1) <= 6).all(), name


def test_held_out_hands_are_of_the_test_split_only(data):
    hands = held_out(data)
    assert len(hands.pose) == (data.split == "test").sum()
    assert len(hands.of("signer").pose) == 6
    with pytest.raises(ValueError, match="no held-out poses"):
        held_out(HandDataset(data.pose, data.source, data.label, np.full(len(data.pose), "train")))


def test_the_normal_distribution_completes_by_its_conditional_mean():
    angles = torch.zeros(400, 15, 3)
    angles[:, 0, 0] = 0.5 * torch.randn(400, generator=seeded())
    angles[:, 1, 0] = 0.5 * angles[:, 0, 0]
    gaussian = GaussianHands(rotations_of(angles))
    known = torch.ones(15, dtype=torch.bool)
    known[1] = False
    hidden = rotations_of(angles[:5])
    hidden[:, 1] = torch.eye(3)
    found = gaussian.complete(hidden, known)
    torch.testing.assert_close(angles_of(found)[:, 1, 0], angles[:5, 1, 0], atol=0.02, rtol=0.02)
    assert torch.equal(found[:, known], hidden[:, known])
    unusual = angles[:1].clone()
    unusual[:, 5] = 1.0
    assert gaussian.energy(rotations_of(unusual)) > gaussian.energy(rotations_of(angles[:1])) + 100


def test_tables_have_a_row_for_each_case(data, prior, monkeypatch):
    monkeypatch.setattr(intervals, "DRAWS", 20)
    hands, gaussian = held_out(data), GaussianHands(axis_angle_to_matrix(poses(50, 3)))
    assert [row[0] for row in reconstruction(prior, hands).rows][:2] == ["all", "signer"]
    assert [row[0] for row in plausibility(prior, gaussian, hands).rows][:5] == ["impossible fingers", *NEGATIVES]
    assert completion(prior, gaussian, hands).rows[0][0] == "ring, pinky"


def test_pictures_have_two_views_of_each_hand():
    hands = rotations_of(draw_hands(9, seeded()))[:, None]
    figure = draw_hands_sheet(list(hands))
    assert len(figure.axes) == 4 * 8
    assert sum(bool(axes.lines) for axes in figure.axes) == 2 * 9
    assert spread_out(3, 11).tolist() == [0, 5, 10]


def test_the_document_is_written(data, prior, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FITTED", 200)
    monkeypatch.setattr(sections, "HIDDEN", (("thumb",),))
    monkeypatch.setattr(intervals, "DRAWS", 20)
    data.save(tmp_path / "hands.npz")
    HandNetworks(SMALL).save(tmp_path / "hand.safetensors")
    main(tmp_path / "hands.npz", tmp_path / "hand.safetensors", tmp_path)
    text = (tmp_path / "hands.md").read_text()
    assert "{" not in text
    assert f"--weights {tmp_path / 'hand.safetensors'}" in text
    assert all((tmp_path / "images" / f"hands_{name}.png").is_file() for name in ("samples", "reconstruction"))
