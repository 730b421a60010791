import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import settings
from rich.console import Console
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from qposer.training.rig_variation import STRENGTH

torch.set_num_threads(1)

settings.register_profile("same examples every time", derandomize=True, deadline=None)
settings.load_profile("same examples every time")


@pytest.fixture
def strengths_of(monkeypatch):
    """Record the strengths of rig variation from now on in a list."""

    def watch(*modules):
        strengths = []
        for module in modules:

            def spy(rotations, generator, strength=STRENGTH, vary_rig=module.vary_rig):
                strengths.append(strength)
                return vary_rig(rotations, generator, strength)

            monkeypatch.setattr(module, "vary_rig", spy)
        return strengths

    return watch


@pytest.fixture
def loss_of_share(monkeypatch):
    """The first loss of a training command for some members of the batch, without dropout or weights of zero."""

    class FirstLossError(Exception):
        pass

    def first_loss(module, config, members):
        def run(config, model, generator, loss, *rest):
            raise FirstLossError(loss()["loss"].item())

        monkeypatch.setattr(torch.nn.functional, "dropout", lambda inputs, *_: inputs)
        monkeypatch.setattr(torch.nn.init, "zeros_", torch.nn.init.normal_)
        monkeypatch.setattr(module, "share", lambda batch: batch[members])
        monkeypatch.setattr(module, "run", run)
        with pytest.raises(FirstLossError) as first:
            module.train(config, Console(quiet=True))
        return first.value.args[0]

    return first_loss


@pytest.fixture
def assert_mean_of_shares(loss_of_share):
    """Check that the loss of a batch is the mean of the losses of its shares."""

    def check(module, config):
        whole, even, odd = (loss_of_share(module, config, slice(*of)) for of in ((None,), (0, None, 2), (1, None, 2)))
        assert even != pytest.approx(odd, rel=1e-3)
        assert whole == pytest.approx((even + odd) / 2, rel=1e-5)

    return check


@pytest.fixture(scope="session")
def shorten():
    """Reduce all stages of fits to two steps through a `MonkeyPatch`, for tests independent of the accuracy."""

    def short(stage):
        return dataclasses.replace(stage, steps=2)

    def shorten(patched):
        from fitting.optimise import schedule
        from fitting.video import clip_stages

        patched.setattr(schedule, "SCHEDULE", schedule.SCHEDULE.each(short))
        patched.setattr(clip_stages, "STAGES", tuple(map(short, clip_stages.STAGES)))
        for module, name in (
            (schedule, "RESIDUAL"),
            (clip_stages, "ALL"),
            (clip_stages, "RESIDUAL"),
            (clip_stages, "CONTACT"),
            (clip_stages, "SETTLE"),
        ):
            patched.setattr(module, name, short(getattr(module, name)))

    return shorten


@pytest.fixture
def quick(shorten, monkeypatch):
    """Stages of two steps."""
    shorten(monkeypatch)


@pytest.fixture(scope="session")
def open_body():
    from fitting.body.body import Body

    return Body.open()


@pytest.fixture(scope="session")
def exact_fit(open_body):
    """Make an exact fit: an open body and its own keypoints."""
    from fitting.inputs.camera import Camera
    from fitting.inputs.keypoints import Keypoints
    from fitting.output.fit_result import FitResult

    def make(global_orient, body_pose, betas, transl, *, size, focal, format, person_height_px, codes):
        given = {"global_orient": global_orient, "body_pose": body_pose, "betas": betas, "transl": transl}
        parameters = {name: np.asarray(value, dtype=np.float32) for name, value in given.items()}
        tensors = [torch.from_numpy(value)[None] for value in parameters.values()]
        output = open_body(*tensors)
        camera = Camera.for_image(*size, focal)
        xy = camera.project(open_body.landmarks(*tensors, format=format)).numpy()
        return FitResult(
            **parameters,
            codes=codes,
            focal=focal,
            centre=camera.centre[0].numpy(),
            image_size=np.array(size),
            keypoints=Keypoints(xy, np.ones(xy.shape[:2]), format),
            reprojection_error_px=2.0,
            person_height_px=person_height_px,
            body="open",
            qposer_version="0",
            vertices=output.vertices[0].numpy(),
            faces=open_body.faces.numpy(),
            joints=output.joints[0].numpy(),
        )

    return make


class Crossings(TorchDispatchMode):
    """Counts transfers between devices; reading a number from the meta device raises."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        devices = {leaf.device for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)}
        self.count += len(devices) > 1
        return result


@pytest.fixture
def crossings(monkeypatch):
    """Counts transfers between devices inside the context; on the meta device, `nonzero` finds all elements."""
    nonzero = torch.Tensor.nonzero

    def found(values, *, as_tuple):
        return tuple(each.to(values.device) for each in nonzero(torch.ones(values.shape), as_tuple=as_tuple))

    monkeypatch.setattr(torch.Tensor, "nonzero", found)
    return Crossings()


@pytest.fixture(scope="session")
def on_meta():
    """Copies dataclasses of tensors to the meta device."""

    def copy(holder):
        moved = {}
        for field in dataclasses.fields(holder):
            value = getattr(holder, field.name)
            if isinstance(value, torch.Tensor):
                moved[field.name] = value.to("meta")
            elif dataclasses.is_dataclass(value):
                moved[field.name] = copy(value)
        return dataclasses.replace(holder, **moved)

    return copy
