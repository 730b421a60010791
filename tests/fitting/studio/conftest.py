import math
import threading
import time
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pytest
import torch
import viser
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.client import connect

from fitting.body.body import Body
from fitting.studio import dragging, instructing
from fitting.studio.app import Studio
from fitting.studio.editor import Editor
from fitting.studio.server import start_server
from fitting.studio.standing import Mannequin
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.control.instructions import Check, InstructionError
from qposer.control.inverse_kinematics import IKSolution


@pytest.fixture(scope="session")
def mannequin():
    return Mannequin(Body.open(hands=True))


class FakeSolver:
    """A fake solver: rotates the pelvis slightly and reports all distances; tests can delay it or make it fail."""

    def __init__(self):
        self.calls = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.started = threading.Event()
        self.error = None
        self.distance = None

    def __call__(self, posture, targets, keep=(), *, prior):
        self.calls.append((dict(targets), tuple(keep)))
        self.started.set()
        assert self.may_go_on.wait(20)
        if self.error is not None:
            raise self.error
        turned = axis_angle_to_matrix(torch.tensor([0.0, 0.1 * len(self.calls), 0.0]))
        body_pose = posture.body_pose.clone()
        body_pose[2] = turned
        moved = OrientedPose(body_pose, posture.global_orient)
        figure = PosedSkeleton.of(moved)
        left = {name: float(np.linalg.norm(figure.point(name).numpy() - point)) for name, point in targets.items()}
        if self.distance is not None:
            left = dict.fromkeys(left, self.distance)
        return IKSolution(moved, left, 0.25)


@pytest.fixture
def solver(monkeypatch):
    fake = FakeSolver()
    monkeypatch.setattr(dragging, "solve_ik", fake)
    return fake


class FakeEdit:
    def __init__(self, posture, checks):
        self.posture, self.checks, self.energy, self.steps = posture, checks, 0.5, ()


@pytest.fixture
def instructor(monkeypatch):
    """A fake that understands 'turn' and 'again'; records its calls in the list."""
    calls = []

    def instruct(posture, text, n=1, *, generator, prior, previous=None):
        calls.append((text, previous))
        if text not in ("turn", "again"):
            raise InstructionError(f"{text!r} is not understood: did you mean turn?", text, 0, 5)
        body_pose = posture.body_pose.clone()
        body_pose[0] = axis_angle_to_matrix(torch.tensor([0.0, 0.5, 0.0])) @ body_pose[0]
        checks = (Check("hip turned", "degrees", 30.0, 1.0, True), Check("knee up", "cm", 40.0, 12.0, text == "turn"))
        return [FakeEdit(OrientedPose(body_pose, posture.global_orient), checks)]

    monkeypatch.setattr(instructing, "instruct", instruct)
    return calls


@pytest.fixture
def editor(random_prior, mannequin, solver, instructor):
    return Editor(random_prior, mannequin)


PATIENCE = 30.0


class Tab:
    """A browser tab's messages to the server, without a browser."""

    def __init__(self, studio):
        url = urlsplit(studio.url)
        self.socket = connect(
            f"ws://{url.netloc}{url.path}",
            origin=f"http://{url.netloc}",
            subprotocols=[f"viser-v{viser.__version__}"],
            max_size=None,
        )
        known = len(studio._server.get_clients())
        self.say("ViewerCameraMessage", **CAMERA)
        wait_for(lambda: len(studio._server.get_clients()) > known)

    def say(self, message, **fields):
        self.socket.send(msgspec.msgpack.encode({"type": message, **fields}))

    def pull(self, phase, handle="left_hand", to=(0.1, 1.2, 0.3)):
        self.say(
            "SceneNodeDragMessage",
            phase=phase,
            name=f"/handles/{handle}",
            instance_index=None,
            start_position=(0.0, 1.0, 0.0),
            start_screen_pos=(0.5, 0.5),
            end_position=to,
            end_screen_pos=(0.5, 0.4),
            button="left",
            modifier=None,
            owner="",
        )

    def press(self, group, value):
        self.say("GuiUpdateMessage", uuid=group._impl.uuid, updates={"value": value})

    def upload(self, button, name, content, size=None):
        uuid, size = button._impl.uuid, len(content) if size is None else size
        parts = math.ceil(size / 2**19)
        start = {"source_component_uuid": uuid, "transfer_uuid": name, "filename": name, "mime_type": ""}
        self.say("FileTransferStartUpload", **start, part_count=parts, size_bytes=size)
        for index in range(math.ceil(len(content) / 2**19)):
            part = content[index * 2**19 : (index + 1) * 2**19]
            self.say("FileTransferPart", source_component_uuid=uuid, transfer_uuid=name, part_index=index, content=part)

    def is_closed(self, code=CloseCode.POLICY_VIOLATION):
        """Whether the server closes this tab's connection for a policy violation."""
        try:
            while True:
                self.socket.recv(timeout=PATIENCE)
        except ConnectionClosed as closed:
            return closed.rcvd.code == code


CAMERA = {
    "wxyz": (0.0, 1.0, 0.0, 0.0),
    "position": (0.0, 1.0, 4.0),
    "fov": 0.7,
    "near": 0.01,
    "far": 100.0,
    "image_height": 600,
    "image_width": 800,
    "look_at": (0.0, 1.0, 0.0),
    "up_direction": (0.0, 1.0, 0.0),
}


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def eventually():
    """Wait until a value is available."""
    return wait_for


@pytest.fixture
def camera():
    """A tab's first messages."""
    return dict(CAMERA)


@pytest.fixture
def studio(editor, tmp_path):
    made = Studio(start_server("127.0.0.1", 0), editor, tmp_path / "session.npz")
    yield made
    made.close()


@pytest.fixture
def open_tab(studio):
    return lambda: Tab(studio)


@pytest.fixture
def tab(open_tab):
    return open_tab()
