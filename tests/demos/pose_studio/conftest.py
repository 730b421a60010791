import threading

import numpy as np
import pytest
import torch

from demos.pose_studio import editor as editor_module
from demos.pose_studio.editor import Editor
from demos.pose_studio.standing import Mannequin
from fitting.body import Body
from qposer.figure import Figure, Posture
from qposer.instructions import Check, InstructionError
from qposer.posing import Solution
from qposer.rotations import axis_angle_to_matrix


@pytest.fixture(scope="session")
def mannequin():
    return Mannequin(Body.open())


class FakeSolver:
    """Turns the pelvis a little, says how far all targets are, and lets tests hold it up or break it."""

    def __init__(self):
        self.calls = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.started = threading.Event()
        self.error = None
        self.distance = None

    def __call__(self, prior, posture, targets, keep=()):
        self.calls.append((dict(targets), tuple(keep)))
        self.started.set()
        assert self.may_go_on.wait(20)
        if self.error is not None:
            raise self.error
        turned = axis_angle_to_matrix(torch.tensor([0.0, 0.1 * len(self.calls), 0.0]))
        body_pose = posture.body_pose.clone()
        body_pose[2] = turned
        moved = Posture(body_pose, posture.global_orient)
        figure = Figure.of(moved)
        left = {name: float(np.linalg.norm(figure.point(name).numpy() - point)) for name, point in targets.items()}
        if self.distance is not None:
            left = dict.fromkeys(left, self.distance)
        return Solution(moved, left, 0.25)


@pytest.fixture
def solver(monkeypatch):
    fake = FakeSolver()
    monkeypatch.setattr(editor_module, "solve", fake)
    return fake


class FakeEdit:
    def __init__(self, posture, checks):
        self.posture, self.checks, self.energy = posture, checks, 0.5


@pytest.fixture
def instructor(monkeypatch):
    """Understands 'turn' and 'again'; what it was asked for is in the list."""
    asked = []

    def instruct(prior, posture, text, n=1, *, generator, previous=None):
        asked.append((text, previous))
        if text not in ("turn", "again"):
            raise InstructionError(f"{text!r} is not understood: did you mean turn?", text, 0, 5)
        body_pose = posture.body_pose.clone()
        body_pose[0] = axis_angle_to_matrix(torch.tensor([0.0, 0.5, 0.0])) @ body_pose[0]
        checks = (Check("hip turned", "degrees", 30.0, 1.0, True), Check("knee up", "cm", 40.0, 12.0, text == "turn"))
        return [FakeEdit(Posture(body_pose, posture.global_orient), checks)]

    monkeypatch.setattr(editor_module, "instruct", instruct)
    return asked


@pytest.fixture
def editor(random_prior, mannequin, solver, instructor):
    return Editor(random_prior, mannequin)
