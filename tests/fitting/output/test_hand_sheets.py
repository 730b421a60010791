"""Pictures of hands from two sides."""

import numpy as np
import torch

from fitting.output.hand_sheets import HandFigure, draw_hands


def drawn(picture):
    """Where something is drawn below the captions."""
    return (np.abs(picture[40:].astype(int) - np.median(picture[40:], axis=(0, 1))) > 20).any(-1)


def test_left_and_right_hands_are_mirror_images_seen_from_the_palm():
    figures = [HandFigure("flat", torch.zeros(30, 3), side) for side in ("left", "right")]
    picture = draw_hands(figures)
    assert picture.shape == (340, 1200, 3)
    left, right = (drawn(picture[:, at : at + 300]) for at in (0, 600))
    assert left.mean() > 0.05
    assert (left ^ right[:, ::-1]).mean() < 0.02


def test_a_bent_finger_is_seen_from_the_side():
    bent = torch.zeros(30, 3)
    bent[15, 2] = 1.4  # the right index finger's first joint
    flat, index = (drawn(draw_hands([HandFigure("", pose, "right")])[:, 300:]) for pose in (torch.zeros(30, 3), bent))
    assert (flat ^ index).mean() > 0.03


def test_the_demo_writes_instructed_hands_apart_from_bodies(run, tmp_path):
    said = run("instruct", "pinch with the left hand", "--out", tmp_path)
    assert "left hand: thumb touches the index finger" in said
    assert not (tmp_path / "instruct.npz").exists()
    with np.load(tmp_path / "instruct_hands.npz") as written:
        assert written["hand_pose"].shape == (1, 30, 3)
        assert (written["hand_pose"][0, 15:] == 0).all()
        assert list(written["instruction"]) == ["pinch with the left hand"]
    assert (tmp_path / "instruct_hands.png").exists()
