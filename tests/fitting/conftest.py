import dataclasses
import json
import runpy
import signal
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

import demos
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.video.clip_result import ClipResult
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser, QPoserConfig

SIZE = (400, 300)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a demo's command line in this process; return its output."""

    def run(demo, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{demo}.py", *map(str, arguments)])
        handler = signal.getsignal(signal.SIGINT)
        try:
            runpy.run_path(str(Path(demos.__file__).with_name(f"{demo}.py")), run_name="__main__")
        finally:
            signal.signal(signal.SIGINT, handler)
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(run, capsys):
    """Run a command with invalid input; return its one-line error."""

    def refused(demo, *arguments):
        with pytest.raises(SystemExit) as stopped:
            run(demo, *arguments)
        assert stopped.value.code == 2
        reported = capsys.readouterr()
        assert reported.out == ""
        assert reported.err.count("\n") == 1
        assert reported.err.startswith(f"{demo}: ")
        return reported.err

    return refused


@pytest.fixture(scope="session")
def fitter():
    """One fitter for all tests, which reads its weights once."""
    return Fitter()


@pytest.fixture(scope="session")
def make_person(exact_fit):
    """A fit that is right: an upright open body with random bends, by default three metres from the camera."""

    def make(seed=0, at=(0.1, 0.2, 3.0), focal=350.0):
        rng = np.random.default_rng(seed)
        return exact_fit(
            np.array([np.pi, 0.0, 0.0]) + rng.normal(0, 0.1, 3),
            rng.normal(0, 0.2, (21, 3)),
            rng.normal(size=10),
            at,
            size=SIZE,
            focal=focal,
            format="openpose",
            person_height_px=200.0,
            codes=rng.integers(0, 256, (21, 4)),
        )

    return make


@pytest.fixture(scope="session")
def smpl_like(open_body):
    """The open body with pose blend shapes and six bones for each vertex, as files of the SMPL family may have."""
    rng = np.random.default_rng(0)
    data = open_body.data
    pose_shapes = rng.normal(0, 1e-3, (189, *data.template.shape)).astype(np.float32)
    weights = data.weights + 0.01 * (rng.random(data.weights.shape) < 0.1)
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return Body(dataclasses.replace(data, name="smpl-like", pose_shapes=pose_shapes, weights=weights))


@pytest.fixture(scope="session")
def make_clip(open_body):
    """A clip of nine frames, the fifth of its video the first: somebody who turns right round and bends all joints."""

    def make(body=open_body, frames=9):
        rng = np.random.default_rng(0)
        spin = Rotation.from_rotvec(np.radians(np.linspace(0, 400, frames))[:, None] * [0, 1, 0])
        orient = Rotation.from_euler("x", np.pi + 0.3) * spin * Rotation.from_euler("z", 0.2)
        pose = rng.normal(0, 0.4, (21, 3)) * np.linspace(0.5, 1.5, frames)[:, None, None]
        place = np.linspace([-0.5, 0.2, 3.0], [0.8, 0.1, 5.0], frames)
        given = {"global_orient": orient.as_rotvec(), "body_pose": pose, "transl": place}
        values = {name: value.astype(np.float32) for name, value in given.items()}
        betas = rng.normal(size=body.num_betas).astype(np.float32)
        rest = torch.zeros(1, 21, 3)
        shape = torch.from_numpy(betas)[None]
        tensors = [torch.from_numpy(values[name]) for name in ("global_orient", "body_pose")]
        joints = body(*tensors, shape, torch.from_numpy(values["transl"])).joints.numpy()
        return ClipResult(
            **values,
            betas=betas,
            codes=np.zeros((frames, 21, 4), int),
            frames=np.arange(5, 5 + frames),
            detected=np.ones(frames, bool),
            fps=12.5,
            joints=joints,
            pelvis=body(rest[:, 0], rest, shape).joints[0, 0].numpy(),
            focal=350.0,
            centre=np.array(SIZE) / 2,
            image_size=np.array(SIZE),
            keypoints_xy=np.zeros((frames, 25, 2)),
            keypoints_confidence=np.ones((frames, 25)),
            keypoints_format="openpose",
            reprojection_error_px=np.full(frames, 2.0),
            person_height_px=np.full(frames, 200.0),
            body=body.name,
            qposer_version="0",
        )

    return make


@pytest.fixture(scope="session")
def vertices_of():
    """Vertices of all frames of a fit by its body model, with y up."""

    def vertices_of(body, result):
        parts = {"global_orient": (3,), "body_pose": (21, 3), "transl": (3,)}
        orient, pose, transl = (
            torch.from_numpy(getattr(result, name)).reshape(-1, *size) for name, size in parts.items()
        )
        betas = torch.from_numpy(result.betas)[None]
        return body(orient, pose, betas, transl).vertices.double().numpy() * [1, -1, -1]

    return vertices_of


COMPONENTS = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
SIZES = {"SCALAR": (), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}


class Glb:
    """A GLB file, read by the letter of the specification and skinned naively."""

    def __init__(self, content):
        magic, version, length, json_length, kind = struct.unpack("<4sIII4s", content[:20])
        assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
        self.json = json.loads(content[20 : 20 + json_length])
        binary_length, kind = struct.unpack("<I4s", content[20 + json_length : 28 + json_length])
        assert kind == b"BIN\0"
        self.binary = content[28 + json_length :]
        assert len(self.binary) == binary_length == self.json["buffers"][0]["byteLength"]

    def array(self, index):
        accessor = self.json["accessors"][index]
        view = self.json["bufferViews"][accessor["bufferView"]]
        raw = self.binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        shape = (accessor["count"], *SIZES[accessor["type"]])
        return np.frombuffer(raw, COMPONENTS[accessor["componentType"]]).reshape(shape).astype(float)

    @property
    def primitive(self):
        return self.json["meshes"][0]["primitives"][0]

    def attribute(self, name):
        return self.array(self.primitive["attributes"][name])

    @property
    def times(self):
        (sampler, *_) = self.json["animations"][0]["samplers"]
        return self.array(sampler["input"])

    def joints(self, frame=None):
        """World matrices of the nodes, as they are or at a keyframe."""
        moved = [dict(node) for node in self.json["nodes"]]
        for channel in self.json["animations"][0]["channels"] if frame is not None else []:
            output = self.json["animations"][0]["samplers"][channel["sampler"]]["output"]
            moved[channel["target"]["node"]][channel["target"]["path"]] = self.array(output)[frame]
        world = {}

        def descend(node, above):
            local = np.eye(4)
            local[:3, :3] = Rotation.from_quat(moved[node].get("rotation", [0, 0, 0, 1])).as_matrix()
            local[:3, 3] = moved[node].get("translation", [0, 0, 0])
            world[node] = above @ local
            for child in moved[node].get("children", []):
                descend(child, world[node])

        for root in self.json["scenes"][self.json["scene"]]["nodes"]:
            descend(root, np.eye(4))
        return np.stack([world[node] for node in self.json["skins"][0]["joints"]])

    def vertices(self, frame=None):
        inverse = self.array(self.json["skins"][0]["inverseBindMatrices"]).transpose(0, 2, 1)
        matrices = self.joints(frame) @ inverse
        bones, weights = self.attribute("JOINTS_0").astype(int), self.attribute("WEIGHTS_0")
        blended = (weights[..., None, None] * matrices[bones]).sum(1)
        positions = self.attribute("POSITION")
        return (blended[:, :3, :3] @ positions[..., None])[..., 0] + blended[:, :3, 3]


@pytest.fixture(scope="session")
def read_glb():
    return Glb


@pytest.fixture
def random_prior(monkeypatch):
    """A small prior with random weights instead of the shipped one."""
    torch.manual_seed(0)
    model = QPoser(QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2))
    network = CodePriorNetwork(CodePriorConfig(latent_dim=4, width=32, depth=1, judge_width=32))
    prior = CodePrior(*(part.eval().requires_grad_(False) for part in (model, network)))
    monkeypatch.setattr(CodePrior, "from_pretrained", lambda: prior)
    return prior
