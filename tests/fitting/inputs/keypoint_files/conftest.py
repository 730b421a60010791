import json
from types import SimpleNamespace

import numpy as np
import pytest

FIGURE = {
    "nose": (300, 120),
    "neck": (300, 185),
    "mid_hip": (300, 350),
    "left_eye": (310, 110),
    "right_eye": (290, 110),
    "left_ear": (325, 118),
    "right_ear": (275, 118),
    "left_shoulder": (350, 185),
    "right_shoulder": (250, 185),
    "left_elbow": (365, 260),
    "right_elbow": (235, 260),
    "left_wrist": (370, 330),
    "right_wrist": (230, 330),
    "left_hip": (330, 350),
    "right_hip": (270, 350),
    "left_knee": (335, 470),
    "right_knee": (265, 470),
    "left_ankle": (338, 590),
    "right_ankle": (262, 590),
    "left_big_toe": (345, 615),
    "right_big_toe": (255, 615),
    "left_small_toe": (355, 610),
    "right_small_toe": (245, 610),
    "left_heel": (335, 602),
    "right_heel": (265, 602),
    "head_top": (300, 70),
    "upper_neck": (300, 160),
    "pelvis": (300, 350),
    "spine": (300, 270),
    "thorax": (300, 190),
    "head": (300, 95),
}
"""A standing person who faces the camera."""

COCO = (
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist"
    " right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
)
BODY_25 = (
    "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist mid_hip right_hip right_knee"
    " right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear left_big_toe left_small_toe"
    " left_heel right_big_toe right_small_toe right_heel"
)
FEET = "left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel"
HALPE = f"{COCO} head_top neck mid_hip left_big_toe right_big_toe left_small_toe right_small_toe left_heel right_heel"
COCO_18 = (
    "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist right_hip right_knee"
    " right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear"
)
H36M = (
    "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle spine thorax nose head left_shoulder"
    " left_elbow left_wrist right_shoulder right_elbow right_wrist"
)
ORDERS = {
    "coco": COCO,
    "coco_18": COCO_18,
    "coco_feet": f"{COCO} {FEET}",
    "body_25": BODY_25,
    "body_25b": f"{COCO} upper_neck head_top {FEET}",
    "halpe": HALPE,
    "h36m": H36M,
}


def figure(order="coco", score=0.9, shift=0.0, more=0):
    """Rows x, y, score of the stick figure in the order of a layout, followed by ``more`` points of hands and face."""
    rows = [(FIGURE[name][0] + shift, FIGURE[name][1], score) for name in ORDERS[order].split()]
    rng = np.random.default_rng(0)
    rows += [(*row, 0.5) for row in rng.uniform((200, 100), (400, 340), (more, 2)).tolist()]
    return [list(map(float, row)) for row in rows]


def flat(rows):
    return [value for row in rows for value in row]


def same_figure(keypoints, person=0, shift=0.0):
    """Whether every seen keypoint has the position of its name in the stick figure."""
    places = np.array([FIGURE[name] for name in keypoints.names]) + np.array([shift, 0])
    seen = keypoints.seen[person]
    return seen.sum() >= 17 and np.allclose(keypoints.xy[person][seen], places[seen], atol=0.01)


@pytest.fixture
def write(tmp_path):
    """Write JSON, text or bytes to a file with a given name."""

    def write(content, name="keypoints.json"):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def figures():
    """``rows(order, score, shift, more)``, ``flat(rows)``, and ``same(keypoints, person, shift)``."""
    return SimpleNamespace(rows=figure, flat=flat, same=same_figure)
