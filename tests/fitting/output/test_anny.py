"""Conversion to Anny's parameters; needs the anny package, whose model is the reference."""

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.output.anny import to_anny


@pytest.fixture(scope="module")
def model():
    anny = pytest.importorskip("anny", reason="pip install anny==0.6.2")
    return anny.Anny()


def test_annys_body_with_the_parameters_is_the_fitted_one(model, exact_fit, tmp_path):
    body = Body.open()
    pose = 0.2 * np.random.default_rng(0).normal(size=(21, 3))
    result = exact_fit(
        *(np.array([3.0, 0.3, 0.1]), pose, np.linspace(-1, 1, 10), np.array([0.1, 0.2, 3.0])),
        size=(400, 300),
        focal=350.0,
        format="mediapipe",
        person_height_px=200.0,
        codes=np.zeros((21, 4), int),
    )
    found = to_anny(result, body, model)
    posed = model(torch.from_numpy(found.pose)[None], found.phenotypes)["vertices"][0].numpy()
    nearest = np.array([np.linalg.norm(posed - vertex, axis=1).min() for vertex in result.vertices[::200]])
    assert 1000 * nearest.mean() < 8
    assert found.error_mm < 10
    assert found.error_mm < found.worst_mm < 60
    assert found.height == pytest.approx(
        np.ptp(body(*map(torch.from_numpy, zeros(result))).vertices[0, :, 1].numpy()), abs=0.02
    )
    found.save(tmp_path / "anny.npz")
    saved = np.load(tmp_path / "anny.npz", allow_pickle=False)
    assert (saved["pose"] == found.pose).all()
    assert dict(zip(saved["phenotype_names"], saved["phenotype_values"], strict=True)) == found.phenotypes


def zeros(result):
    return np.zeros((1, 3), np.float32), np.zeros((1, 21, 3), np.float32), result.betas[None]


def test_a_child_becomes_a_child(model, exact_fit):
    from types import SimpleNamespace

    body = Body.ages()
    six = body.data.groups.at(6.0).means[0]
    rest = np.zeros(3, np.float32), np.zeros((21, 3), np.float32), six, np.zeros(3, np.float32)
    names = ("global_orient", "body_pose", "betas", "transl")
    found = to_anny(SimpleNamespace(body="ages", **dict(zip(names, rest, strict=True))), body, model)
    assert found.years == pytest.approx(6.0, abs=1.5)
    assert found.height == pytest.approx(1.16, abs=0.04)
    assert found.error_mm < 5


def test_the_body_is_that_of_the_fit(make_person):
    with pytest.raises(ValueError, match="body 'open', not 'ages'"):
        to_anny(make_person(), Body.ages())
