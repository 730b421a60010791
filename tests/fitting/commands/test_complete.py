import numpy as np
import pytest
import torch

from fitting.hands.files import hand_arrays, read_hands
from qposer.control.edits import joints_of

LEGS = joints_of("legs")
ABOVE = joints_of("upper_body")


def arrays(folder):
    with np.load(folder / "complete.npz") as file:
        return dict(file)


@pytest.fixture
def pose(tmp_path):
    """A file with one pose, like a fit's."""
    value = 0.3 * np.random.default_rng(0).normal(size=(21, 3)).astype(np.float32)
    np.savez(tmp_path / "fit.npz", body_pose=value)
    return tmp_path / "fit.npz", value


def test_the_shipped_weights_keep_known_joints(run, tmp_path):
    said = run("complete", "--number", 3, "--out", tmp_path)
    assert said.startswith(f"3 hypotheses in {tmp_path / 'complete.npz'}")
    assert (tmp_path / "complete.png").is_file()
    written = arrays(tmp_path)
    given, *hypotheses = written["body_pose"]
    assert np.flatnonzero(~written["known_joints"]).tolist() == LEGS
    for hypothesis in hypotheses:
        np.testing.assert_allclose(hypothesis[ABOVE], given[ABOVE], atol=1e-4)
        assert np.abs(hypothesis - given)[LEGS].max() > 0.05
    assert np.abs(hypotheses[0] - hypotheses[1])[LEGS].max() > 0.05
    assert np.isfinite(written["energy"]).all()


def test_unknown_joints_are_ignored(run, random_prior, pose, tmp_path):
    file, value = pose
    run("complete", "--pose", file, "--number", 2, "--out", tmp_path / "a")
    value[LEGS] = 0.5
    np.savez(file, body_pose=value)
    run("complete", "--pose", file, "--number", 2, "--out", tmp_path / "b")
    first, second = (arrays(tmp_path / folder)["body_pose"] for folder in "ab")
    np.testing.assert_allclose(first[1:], second[1:], atol=1e-5)
    np.testing.assert_array_equal(second[0], value)


def test_hands_stay_as_they_are(run, random_prior, pose, tmp_path):
    hands = 0.3 * torch.randn(1, 30, 3, generator=torch.Generator().manual_seed(0))
    np.savez(pose[0], body_pose=pose[1], **hand_arrays(hands))
    run("complete", "--pose", pose[0], "--number", 2, "--out", tmp_path)
    torch.testing.assert_close(read_hands(tmp_path / "complete.npz"), hands.expand(3, -1, -1), atol=1e-5, rtol=0)


def test_hypotheses_are_those_of_the_prior(run, random_prior, pose, tmp_path):
    file, value = pose
    run("complete", "--pose", file, "--unknown", "left_arm", "head", "--number", 2, "--seed", 5, "--out", tmp_path)
    known = torch.ones(21, dtype=torch.bool)
    known[joints_of(["left_arm", "head"])] = False
    generator = torch.Generator().manual_seed(5)
    expected = random_prior.complete(torch.from_numpy(value), known, 2, generator=generator)
    written = arrays(tmp_path)
    np.testing.assert_allclose(written["body_pose"][1:], expected, atol=1e-5)
    np.testing.assert_array_equal(written["known_joints"], known)
    energy = random_prior.energy(torch.from_numpy(written["body_pose"]))
    np.testing.assert_allclose(written["energy"], energy, rtol=1e-4, atol=1e-4)


def test_same_seed_same_picture(run, random_prior, pose, tmp_path):
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        run("complete", "--pose", pose[0], "--number", 1, "--seed", seed, "--out", tmp_path / folder)
    sheets = [(tmp_path / folder / "complete.png").read_bytes() for folder in "abc"]
    assert sheets[0] == sheets[1] != sheets[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--unknown", "upper_body", "lower_body"], "no joint is known"),
        (["--unknown"], "no part is named"),
        (["--unknown", "legz"], "did you mean legs"),
        (["--number", "0"], "n must be at least 1"),
        (["--seed", "-1"], "a seed must be an integer"),
    ],
)
def test_wrong_input_is_reported_in_one_line(refused, random_prior, tmp_path, arguments, message):
    assert message in refused("complete", *arguments, "--out", tmp_path)
    assert not list(tmp_path.iterdir())
