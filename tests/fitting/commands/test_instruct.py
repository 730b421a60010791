"""The command that follows instructions for bodies and hands."""

import dataclasses

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.hands.files import read_hands
from fitting.hands.template import TemplateHands
from fitting.output.hand_poses import HandPoses
from fitting.output.results import write_results
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.control.hand_descriptions import describe_hands
from qposer.control.hand_instructions import instruct_hands
from qposer.control.measures import Facing
from qposer.hands.pairs import as_right_hands


def test_a_sentence_about_body_and_hands(run, tmp_path):
    said = run("instruct", "raise the right arm, palm forward, and make a fist with the right hand", "--out", tmp_path)
    assert "right palm facing forward" in said
    assert "right hand: index finger closed" in said
    assert "the right hand makes a fist" in said.split("result: ")[1]
    with np.load(tmp_path / "instruct.npz") as body, np.load(tmp_path / "instruct_hands.npz") as hands:
        rotations = (axis_angle_to_matrix(torch.from_numpy(body[key][1])) for key in ("body_pose", "global_orient"))
        figure = PosedSkeleton.of(OrientedPose(*rotations))
        assert float(Facing("right_palm", "forward")(figure)) < 28
        assert describe_hands(torch.from_numpy(hands["hand_pose"][0]))[1] == "the right hand makes a fist"
        assert body["instruction"].tolist()[1:] == ["raise the right arm, palm forward"]
        assert hands["instruction"].tolist() == ["make a fist with the right hand"]


def test_references_of_hands_follow_hands(run, tmp_path):
    run("instruct", "thumbs up", "do the same with the left hand", "--out", tmp_path)
    assert not (tmp_path / "instruct.npz").exists()
    with np.load(tmp_path / "instruct_hands.npz") as hands:
        assert describe_hands(torch.from_numpy(hands["hand_pose"][1])) == ["both hands give a thumbs up"]


@pytest.fixture
def fit(make_person, tmp_path):
    """A fit of a person who points with the left hand."""
    person = make_person()
    pointing = instruct_hands(torch.eye(3).expand(30, 3, 3), "point with the left index finger").hand_pose
    template = TemplateHands.of(Body.open(hands=True), torch.from_numpy(person.betas)[None])
    left, right = matrix_to_axis_angle(template.to_body(as_right_hands(pointing)[None])[0]).view(2, 15, 3).numpy()
    hands = HandPoses(left, right, np.array([True, True]))
    (folder,) = write_results(tmp_path, [dataclasses.replace(person, hands=hands, body="open")], [{}], meshes=())
    return folder / "fit.npz"


def test_hands_in_the_file_are_described_and_posed(run, fit, tmp_path):
    said = run("instruct", "bend the left knee 60 degrees", "--pose", fit, "--out", tmp_path)
    assert "the left index finger points; the right hand is flat" in said.replace("\n", " ").split("result: ")[1]
    run("instruct", "make a fist with the right hand", "--pose", fit, "--out", tmp_path)
    with np.load(tmp_path / "instruct_hands.npz") as hands:
        described = describe_hands(torch.from_numpy(hands["hand_pose"][0]))
    assert described == ["the left index finger points", "the right hand makes a fist"]


def test_hands_go_along_with_the_body(run, fit, tmp_path):
    sentence = "bend the left knee 60 degrees and make a fist with the right hand"
    run("instruct", "bend the right knee 60 degrees", sentence, "--pose", fit, "--out", tmp_path)
    start, first, second = read_hands(tmp_path / "instruct.npz")
    assert describe_hands(start) == describe_hands(first) == ["the left index finger points", "the right hand is flat"]
    assert describe_hands(second) == ["the left index finger points", "the right hand makes a fist"]


def test_hands_without_instructions_are_not_described(run, tmp_path):
    said = run("instruct", "bend the left knee 60 degrees", "--out", tmp_path)
    assert "the left knee is bent 60 degrees" in said
    assert "hand" not in said.split("result: ")[1]
