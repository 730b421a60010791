from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS
from fitting.optimise.agreement import check_in_view, person_height, warnings_of


def seen(format, unseen=()):
    return np.array([name not in unseen for name in FORMATS[format].names])


@pytest.mark.parametrize("format", FORMATS)
def test_a_whole_person_with_a_small_error_gives_no_warning(format):
    names = FORMATS[format].names
    assert warnings_of(names, seen(format), 2.9) == ()
    assert warnings_of(names, seen(format, unseen=("left_wrist", "right_knee", "right_ear")), 2.9) == ()


def test_large_errors_give_warnings():
    names = FORMATS["openpose"].names
    assert warnings_of(names, seen("openpose"), 3.0) == (
        "2D error of 3.0 % of the person's height: the body may be wrong",
    )


@pytest.mark.parametrize("format", FORMATS)
def test_parts_that_are_not_seen_are_named(format):
    head = [name for name in FORMATS[format].names if name.endswith(("nose", "eye", "ear", "head"))]
    legs = [f"{side}_{part}" for side in ("left", "right") for part in ("knee", "ankle")]
    reported = warnings_of(FORMATS[format].names, seen(format, head + legs), 1.0)
    assert reported == ("cut off or hidden, and guessed: head, knees, ankles",)


@pytest.fixture
def person(open_body):
    """Landmarks of a standing person five metres away, and a problem with their projections as keypoints."""
    orient, pose = torch.tensor([[torch.pi, 0, 0]]), torch.zeros(1, 21, 3)
    landmarks = open_body.landmarks(orient, pose, transl=torch.tensor([[0.0, 0.3, 5.0]]), format="coco")
    camera = Camera.for_image(1000, 1000, 1000.0)
    return landmarks, SimpleNamespace(
        keypoints=camera.project(landmarks), confidence=torch.ones(1, 17), format="coco", camera=camera
    )


STATURE, DEPTH = torch.tensor([1.69]), torch.tensor([5.0])


def test_the_height_is_the_bodys_where_keypoints_agree(person):
    landmarks, problem = person
    assert person_height(problem, landmarks, STATURE, DEPTH).item() == pytest.approx(1000 * 1.69 / 5)
    problem.keypoints = problem.keypoints + 5 * torch.randn(1, 17, 2, generator=torch.Generator().manual_seed(0))
    assert person_height(problem, landmarks, STATURE, DEPTH).item() == pytest.approx(1000 * 1.69 / 5)


@pytest.mark.parametrize("times", [2.0, 10.0])
def test_the_height_of_an_implausible_body_comes_from_the_keypoints(person, times):
    landmarks, problem = person
    height = person_height(problem, landmarks, STATURE, DEPTH / times).item()
    assert height == pytest.approx(1000 * 1.69 / 5, rel=0.15)


def test_without_bones_the_body_alone_determines_the_height(person):
    landmarks, problem = person
    problem.confidence = torch.zeros(1, 17)
    problem.confidence[:, :6] = 1.0
    assert person_height(problem, landmarks, STATURE, DEPTH / 10).item() == pytest.approx(10 * 1000 * 1.69 / 5)


@pytest.mark.parametrize("depth", [0.0, -1.0, torch.nan, torch.inf])
def test_bodies_in_or_behind_the_camera_are_refused(depth):
    landmarks = torch.ones(3, 17, 3)
    landmarks[1, 4, 2] = depth
    with pytest.raises(ValueError, match="the body of person 1 is behind the camera"):
        check_in_view(landmarks, torch.ones(3, 17))
    with pytest.raises(ValueError, match="the body of frame 41 is behind"):
        check_in_view(landmarks, torch.ones(3, 17), "frame", 40)


def test_unseen_keypoints_may_be_behind_the_camera():
    landmarks, seen = torch.ones(1, 17, 3), torch.ones(1, 17)
    landmarks[0, 16, 2], seen[0, 16] = -0.2, 0.0
    check_in_view(landmarks, seen)
