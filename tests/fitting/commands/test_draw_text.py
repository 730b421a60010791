import numpy as np
import pytest
import torch

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.control.text_prior import generate


def arrays(folder):
    with np.load(folder / "text.npz") as file:
        return dict(file)


def test_the_draws_of_each_text_are_those_of_the_package(run, tmp_path):
    run("draw_text", "sit", "raise the left arm", "--number", 2, "--seed", 1, "--out", tmp_path)
    written = arrays(tmp_path)
    assert written["text"].tolist() == ["sit", "sit", "raise the left arm", "raise the left arm"]
    assert written["body_pose"].shape == (4, 21, 3)
    assert np.isfinite(written["energy"]).all()
    expected = generate("raise the left arm", 2, generator=torch.Generator().manual_seed(1))
    found = torch.from_numpy(written["body_pose"][2:])
    torch.testing.assert_close(axis_angle_to_matrix(found), expected, atol=1e-4, rtol=0)
    assert (tmp_path / "text.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "no text is given"), ([" "], "the text has no words"), (["sit", "--number", 0], "n must be at least 1")],
)
def test_wrong_input_is_reported_in_one_line(refused, tmp_path, arguments, message):
    assert message in refused("draw_text", *arguments, "--out", tmp_path)
    assert not list(tmp_path.iterdir())
