"""Coupled frames: slopes and curvature of the whole clip against autograd."""

import dataclasses

import pytest
import torch

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.optimise.pose_space import RelaxedCodes
from fitting.optimise.problem import Estimate, Problem, Stage, Weights
from fitting.terms.contact import StandingFeet
from fitting.terms.smoothness import Smoothness
from fitting.video.clip_problem import ClipSolver
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.prior.code_prior import CodePrior

FRAMES, DTYPE = 5, torch.float64
SMOOTH = (Smoothness("pose", 3.0), Smoothness("orient", 20.0), Smoothness("transl", 50.0))
MOTION = Stage(steps=4, free=("orient", "transl", "pose"), rho=0.2, noise=(0.3, 0.3))
WHOLE = Stage(steps=4, free=("orient", "transl", "betas", "pose"), rho=0.2, noise=(0.3, 0.3))


@pytest.fixture(scope="module")
def scene():
    """A standing body, seen with noise in every frame but one."""
    body, space = Body.open().to(DTYPE), RelaxedCodes(CodePrior.from_pretrained().to(DTYPE))
    generator = torch.Generator().manual_seed(0)

    def noise(*shape):
        return torch.randn(*shape, generator=generator, dtype=DTYPE)

    facing = axis_angle_to_matrix(torch.tensor([[torch.pi, 0.0, 0.0]], dtype=DTYPE)).expand(FRAMES, 3, 3)
    pose = torch.eye(3, dtype=DTYPE).expand(FRAMES, 21, 3, 3)
    transl = torch.tensor([[0.0, 0.2, 4.0]], dtype=DTYPE).expand(FRAMES, 3)
    camera = Camera.for_image(1000, 1000, 1100.0, batch=FRAMES, dtype=DTYPE)
    landmarks = body.landmarks(facing, pose, None, transl, format="coco")
    confidence = torch.ones(FRAMES, 17, dtype=DTYPE)
    confidence[2] = 0.0
    problem = Problem(
        camera.project(landmarks) + 5 * noise(FRAMES, 17, 2),
        confidence,
        "coco",
        camera,
        height=torch.full((FRAMES,), 450.0, dtype=DTYPE),
        guess=pose,
        init_weight=torch.ones(FRAMES, 21, dtype=DTYPE),
        prior_scale=torch.ones(FRAMES, dtype=DTYPE),
    )
    orient = axis_angle_to_matrix(0.2 * noise(FRAMES, 3)) @ facing
    latents = space.encode(pose) + 0.3 * noise(FRAMES, 21, 4)
    start = Estimate(
        orient, transl + 0.1 * noise(FRAMES, 3), 0.3 * noise(1, body.num_betas), latents, 0.0 * noise(FRAMES, 21, 3)
    )
    return body, space, problem, start


def clip_problem(scene, stage, smoothness=SMOOTH, standing=None):
    body, space, problem, start = scene
    found = ClipSolver(body, space, Weights(), 0, smoothness, (), standing).stage_problem(stage, problem, start)
    found.begin_step(0, found.posed(start))
    return found, found.posed(start)


def standing(weight=40.0):
    """Ankles stand, more or less surely."""
    sure = torch.rand(FRAMES - 1, 2, generator=torch.Generator().manual_seed(1), dtype=DTYPE)
    return StandingFeet(weight, (15, 16), sure, 0.3)


@pytest.mark.parametrize("stage", [MOTION, WHOLE], ids=["motion", "whole"])
@pytest.mark.parametrize("feet", [None, standing()], ids=["free", "standing"])
def test_slopes_are_those_of_the_whole_clip(scene, stage, feet):
    problem, state = clip_problem(scene, stage, standing=feet)
    equations = problem.linearise(state)
    shapes = {"orient": (FRAMES, 3), "transl": (FRAMES, 3), "pose": (FRAMES, 84)}
    leaves = {name: torch.zeros(shape, dtype=DTYPE, requires_grad=True) for name, shape in shapes.items()}
    if "betas" in stage.free:
        leaves["betas"] = torch.zeros_like(state.betas, requires_grad=True)
    problem.cost(problem.changed(state, leaves)).sum().backward()
    parts = dict(zip(shapes, equations.slope.split([3, 3, 84], dim=1), strict=True))
    if "betas" in stage.free:
        parts["betas"] = equations.shared_slope[None]
    for name, leaf in leaves.items():
        off = (parts[name] - leaf.grad).norm() / leaf.grad.norm()
        assert off < (0.3 if name == "pose" else 0.02), name


@pytest.mark.parametrize("unknown", ["orient", "transl"])
def test_curvature_of_smoothness_is_that_of_its_squares(scene, unknown):
    """The Gauss-Newton curvature of the accelerations alone, block by block, against their Jacobian."""
    terms = [term for term in SMOOTH if term.unknown == unknown]
    stage = dataclasses.replace(MOTION, free=("orient", "transl"))
    with_it, state = clip_problem(scene, stage, terms)
    alone, _ = clip_problem(scene, stage, [dataclasses.replace(terms[0], weight=0.0)])
    found, without = with_it.linearise(state), alone.linearise(state)
    diagonal = found.curvature - without.curvature

    def accelerations(change):
        numbers = terms[0].numbers(with_it.changed(state, {unknown: change}))
        return (numbers[2:] - 2 * numbers[1:-1] + numbers[:-2]).flatten()

    jacobian = torch.autograd.functional.jacobian(accelerations, torch.zeros(FRAMES, 3, dtype=DTYPE)).flatten(1)
    count = terms[0].numbers(state).shape[1]
    full = (2 * terms[0].weight / count * jacobian.mT @ jacobian).unflatten(0, (FRAMES, 3)).unflatten(2, (FRAMES, 3))
    place = slice(0, 3) if unknown == "orient" else slice(3, 6)
    for frame in range(FRAMES):
        for ahead, blocks in enumerate((diagonal, found.next, found.after_next)):
            if frame + ahead < FRAMES:
                expected = full[frame, :, frame + ahead]
                torch.testing.assert_close(blocks[frame, place, place], expected, atol=1e-6, rtol=1e-6)


def test_curvature_of_standing_feet_is_that_of_their_displacements(scene):
    """The Gauss-Newton curvature of the displacements alone, block by block, against their Jacobian."""
    stage = dataclasses.replace(MOTION, free=("orient", "transl"))
    term = standing()
    (found, state), (without, _) = (clip_problem(scene, stage, (), one) for one in (term, standing(0.0)))
    blocks, free = found.linearise(state), without.linearise(state)
    moved = {"orient": (0, 3), "transl": (3, 6)}

    def displacements(change):
        changes = {name: change[:, begin:end] for name, (begin, end) in moved.items()}
        return term.displacements(found.changed(state, changes)).flatten()

    jacobian = torch.autograd.functional.jacobian(displacements, torch.zeros(FRAMES, 6, dtype=DTYPE)).flatten(1)
    weight = term.curvature(state).repeat_interleave(3, dim=1).flatten()
    full = ((jacobian.mT * weight) @ jacobian).unflatten(0, (FRAMES, 6)).unflatten(2, (FRAMES, 6))
    for frame in range(FRAMES):
        expected = full[frame, :, frame]
        scale = full.abs().max().item()
        torch.testing.assert_close(blocks.curvature[frame] - free.curvature[frame], expected, atol=0.02 * scale, rtol=0)
        if frame + 1 < FRAMES:
            torch.testing.assert_close(blocks.next[frame], full[frame, :, frame + 1], atol=0.02 * scale, rtol=0)
    assert not blocks.after_next.any()


def test_a_fit_lowers_the_cost_and_fills_the_unseen_frame_from_its_neighbours(scene):
    body, space, problem, start = scene
    fixed, state = clip_problem(scene, dataclasses.replace(WHOLE, noise=(0.01, 0.01)))
    end = ClipSolver(body, space, Weights(), 0, SMOOTH).run(dataclasses.replace(WHOLE, steps=8), problem, start)
    assert end.betas.shape == start.betas.shape
    assert fixed.cost(fixed.posed(end)) < 0.2 * fixed.cost(state)
    between = (end.transl[1] + end.transl[3]) / 2
    assert (end.transl[2] - between).norm() < 0.02
    assert (start.transl[2] - (start.transl[1] + start.transl[3]) / 2).norm() > 0.05


def test_uncoupled_frames_are_fitted_separately(scene):
    body, space, problem, start = scene
    together = ClipSolver(body, space, Weights(), 0).run(MOTION, problem, start)
    for frame in (0, 3):
        one = torch.tensor([frame])
        alone_start = Estimate(
            **{name: value[one] if len(value) == FRAMES else value for name, value in vars(start).items()}
        )
        alone = ClipSolver(body, space, Weights(), 0).run(MOTION, problem[one], alone_start)
        torch.testing.assert_close(alone.transl[0], together.transl[frame], atol=1e-6, rtol=0)


@pytest.mark.parametrize("smoothness", [SMOOTH, ()], ids=["smooth", "shared shape"])
def test_a_device_never_waits_for_the_host_between_steps(scene, smoothness, crossings, on_meta):
    _, _, problem, start = scene
    body, prior = Body.open().to(DTYPE).to("meta"), CodePrior.from_pretrained().to(DTYPE).to("meta")
    solver = ClipSolver(body, RelaxedCodes(prior), Weights(), 0, smoothness)
    problem, start = on_meta(problem), on_meta(start)
    solver.run(WHOLE, problem, start)  # copies what all fits share
    with crossings:
        found = solver.run(WHOLE, problem, start)
    assert found.pose.is_meta
    assert found.betas.shape == start.betas.shape
    assert crossings.count == 1  # the noise of all steps, once
