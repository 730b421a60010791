"""Fits of children who are not in the body's shape space."""

import math

import numpy as np
import pytest
import torch

from benchmarks.children.people import AGES, photographed
from benchmarks.children.rendered import detections, people
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.models import FittingModels
from fitting.optimise.initialize import stature
from fitting.optimise.settings import FitSettings
from fitting.optimise.shape_prior import ShapePrior
from fitting.subjects import Who, fitter_of
from qposer.io.assets import asset


@pytest.fixture(scope="module")
def ages():
    return Body.ages()


def relative_heights(body, settings, truth):
    """Fitted heights over true ones."""
    _, found = Fitter(body, settings=settings).solve(truth.keypoints, truth.camera)
    return stature(body, found.betas.expand(len(truth.height), -1)) / truth.height


@pytest.mark.parametrize("age", AGES)
def test_proportions_tell_the_height_of_children(ages, age):
    relative = relative_heights(ages, FitSettings(), photographed(age, errors=False, number=8))
    assert (relative.mean() - 1).abs() < 0.08
    assert (relative - 1).abs().median() < 0.08


@pytest.mark.parametrize("age", [3, 10])
def test_metres_of_an_adult_do_not_make_children_taller(ages, age):
    relative = relative_heights(ages, FitSettings(), photographed(age, errors=False, number=8, metres=True))
    assert (relative.mean() - 1).abs() < 0.05


@pytest.mark.parametrize("age", AGES)
def test_a_known_age_gives_the_height_in_spite_of_errors_like_a_detectors(ages, age):
    relative = relative_heights(ages, FitSettings(age=age), photographed(age, errors=True))
    assert (relative.mean() - 1).abs() < 0.04
    assert (relative - 1).abs().median() < 0.06


@pytest.mark.parametrize("age", AGES)
def test_a_known_age_gives_the_height_of_children_who_are_rendered_and_detected(ages, age):
    scenes = people(ages, age, number=8, seed=1)
    keypoints, found = detections(scenes, seed=1)
    camera = Camera(scenes.camera.focal[found], scenes.camera.centre[found])
    _, fitted = Fitter(ages, settings=FitSettings(age=age)).solve(keypoints, camera)
    relative = stature(ages, fitted.betas) / stature(ages, scenes.betas[found])
    assert len(found) >= 7
    assert (relative.mean() - 1).abs() < 0.08
    assert (relative - 1).abs().median() < 0.08


def test_a_known_height_is_kept(ages):
    truth = photographed(6, errors=True, number=4)
    relative = relative_heights(ages, FitSettings(height=1.15), truth)
    assert (relative * truth.height - 1.15).abs().max() < 0.02


def test_a_body_of_adults_has_no_ages():
    truth = photographed(6, errors=False, number=1)
    with pytest.raises(ValueError, match=r"known age needs .* Body\.ages"):
        Fitter(settings=FitSettings(age=6.0)).solve(truth.keypoints, truth.camera)


def test_a_subject_is_an_adult(ages):
    truth = photographed(6, errors=False, number=1)
    settings = FitSettings(shape=ShapePrior(np.zeros(10), np.eye(10)))
    with pytest.raises(ValueError, match="without a subject"):
        Fitter(ages, settings=settings).solve(truth.keypoints, truth.camera)


def test_commands_fit_the_body_of_all_ages_by_its_name(tmp_path):
    fitter, _ = fitter_of("ages", FitSettings(age=6.0), "cpu", Who(None, None, tmp_path, alone=True))
    assert fitter.body.name == "ages"


def test_the_body_of_all_ages_has_no_fingers(ages):
    assert FittingModels(ages).hand_body is None
    with pytest.raises(ValueError, match="hand_weight"):
        Body.load(asset("body_ages.npz"), hands=True)


@pytest.mark.parametrize("age", [-1.0, 130.0, math.nan])
def test_ages_are_plausible(age):
    with pytest.raises(ValueError, match="age must be"):
        FitSettings(age=age)


def test_the_only_group_of_a_known_age_lies_between_its_neighbours(ages):
    groups = ages.data.groups
    toddlers, older = (groups.ages[row].mean() for row in (2, 3))
    only = groups.at((toddlers + older) / 2)
    assert only.means[0] == pytest.approx((groups.means[2] + groups.means[3]) / 2, abs=1e-5)
    for age in (18.0, 80.0):
        assert groups.at(age).means[0] == pytest.approx(groups.means[-1])
        assert (groups.at(age).roots[0] == groups.roots[-1]).all()


@pytest.mark.parametrize("key", ["group_ages", "group_means", "group_roots"])
def test_broken_groups_are_refused(ages, key):
    from fitting.body.age_groups import AgeGroups

    groups = ages.data.groups
    file = {"group_ages": groups.ages, "group_means": groups.means, "group_roots": groups.roots}
    assert AgeGroups.from_file({}, 10) is None
    with pytest.raises(ValueError, match=f"found no {key}"):
        AgeGroups.from_file({name: array for name, array in file.items() if name != key}, 10)
    with pytest.raises(ValueError, match=f"{key} must have the shape"):
        AgeGroups.from_file(file | {key: file[key][..., :-1]}, 10)
    with pytest.raises(ValueError, match="regular roots"):
        AgeGroups.from_file(file | {key: torch.nan * file[key]}, 10)


def test_ages_grow(ages):
    heights = stature(ages, torch.from_numpy(ages.data.groups.means))
    assert (heights.diff() > 0).all()
    assert heights[0] < 0.9
    assert heights[-1] > 1.6
