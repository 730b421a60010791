"""Each term against a naive reference, and its columns against autograd."""

from dataclasses import fields, replace

import pytest
import torch

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.optimise.assembly import Assembly
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.pose_space import RelaxedCodes
from fitting.optimise.problem import Estimate, Problem, Stage, Weights
from fitting.optimise.start import Start
from fitting.terms.code_prior import CodePull
from fitting.terms.contact import StandingFeet
from fitting.terms.depth import Depth
from fitting.terms.ground import FeetOnGround
from fitting.terms.grouped_shape import GroupedShape
from fitting.terms.height import KnownHeight
from fitting.terms.hold import Hold
from fitting.terms.in_view import InView
from fitting.terms.initial_pose import InitialPose
from fitting.terms.moved_keypoints import MovedKeypoints
from fitting.terms.plane import OnPlane
from fitting.terms.reprojection import Reprojection
from fitting.terms.residual_rotation import ResidualRotation
from fitting.terms.shape import Shape
from fitting.terms.smoothness import Smoothness
from fitting.terms.start_orientation import StartOrientation
from fitting.terms.term import Posed
from fitting.terms.upright import TILTED, Upright
from fitting.terms.view_reprojection import ViewKeypoints, ViewReprojection
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.control.instructions import constraints_of
from qposer.prior.code_prior import CodePrior

PEOPLE, LANDMARKS, DTYPE = 3, 17, torch.float64
EVERYTHING = Stage(steps=1, free=("orient", "transl", "betas", "pose", "residual"), rho=0.1)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DTYPE)


@pytest.fixture(scope="module")
def scene():
    """The shipped body and prior in double precision, people away from their keypoints, and the state of a stage."""
    body, prior = Body.open().to(DTYPE), CodePrior.from_pretrained().to(DTYPE)
    space = RelaxedCodes(prior)
    pose = prior.sample(PEOPLE, generator=torch.Generator().manual_seed(1)).to(DTYPE)
    facing = axis_angle_to_matrix(torch.tensor([[torch.pi, 0.0, 0.0]], dtype=DTYPE))
    camera = Camera.for_image(800, 600, 900.0, batch=PEOPLE, dtype=DTYPE)
    transl = torch.tensor([[0.0, 0.0, 4.0], [1.0, 0.2, 7.0], [-0.5, 0.0, 5.0]], dtype=DTYPE)
    landmarks = body.landmarks(facing.expand(PEOPLE, 3, 3), pose, None, transl, format="coco")
    problem = Problem(
        camera.project(landmarks) + 10 * draw(PEOPLE, LANDMARKS, 2),
        torch.rand(PEOPLE, LANDMARKS, generator=torch.Generator().manual_seed(2), dtype=DTYPE),
        "coco",
        camera,
        height=900.0 * 1.7 / transl[:, 2],
        guess=pose @ axis_angle_to_matrix(0.2 * draw(PEOPLE, 21, 3, seed=3)),
        init_weight=torch.rand(PEOPLE, 21, generator=torch.Generator().manual_seed(4), dtype=DTYPE),
        prior_scale=torch.tensor([0.3, 1.0, 2.0], dtype=DTYPE),
        depths=landmarks[..., 2] + 0.1 * draw(PEOPLE, LANDMARKS, seed=5),
    )
    start = Estimate(
        axis_angle_to_matrix(0.2 * draw(PEOPLE, 3, seed=6)) @ facing,
        transl,
        0.5 * draw(PEOPLE, body.num_betas, seed=7),
        0.3 * draw(PEOPLE, 21, 4, seed=8),
        torch.zeros(PEOPLE, 21, 3, dtype=DTYPE),
    )
    stage = LevenbergMarquardt(body, space, Weights()).stage_problem(EVERYTHING, problem, start)
    state = stage.posed(start)
    stage.begin_step(0, state)
    return stage, problem, state


def views(problem):
    """The problem's own camera and one from the side, with noisy keypoints."""
    side = axis_angle_to_matrix(torch.tensor([0.1, 1.2, -0.1], dtype=DTYPE))
    away = torch.tensor([0.0, 0.0, 5.0], dtype=DTYPE)
    rotation, translation = torch.stack([torch.eye(3, dtype=DTYPE), side]), torch.stack([0 * away, away - side @ away])
    centre, height = torch.tensor([[400.0, 300.0], [390.0, 310.0]], dtype=DTYPE), torch.stack([problem.height] * 2, 1)
    confidence = torch.stack([problem.confidence, problem.confidence.flip(1)], 1)
    empty = ViewKeypoints(
        torch.zeros(PEOPLE, 2, LANDMARKS, 2, dtype=DTYPE),
        *(confidence, height, torch.tensor([900.0, 950.0], dtype=DTYPE), centre, rotation, translation),
    )
    depth = problem.depths[..., None]
    xy = (problem.keypoints - problem.camera.centre[:, None]) / problem.camera.focal[:, None, None] * depth
    return replace(
        empty, xy=empty.displacement(torch.cat([xy, depth], -1)) + 10 * draw(PEOPLE, 2, LANDMARKS, 2, seed=11)
    )


def terms(problem):
    weight = torch.tensor([0.5, 1.0, 2.0], dtype=DTYPE)
    data = (problem.keypoints, problem.confidence, problem.height, problem.camera)
    return {
        "reprojection": Reprojection(2e3, 0.1, *data),
        "view_reprojection": ViewReprojection(2e3, 0.1, views(problem)),
        "in_view": InView(
            Reprojection(2e3, 0.1, *data), views(problem).rotation[1:], views(problem).translation[1:], weight
        ),
        "depth": Depth(5.0, problem.depths, problem.confidence),
        "shape": Shape(weight, draw(PEOPLE, 10, seed=11)),
        "grouped_shape": GroupedShape(
            weight, draw(4, 10, seed=14), torch.eye(10, dtype=DTYPE) + 0.2 * draw(4, 10, 10, seed=15)
        ),
        "shape of somebody": Shape(weight, draw(1, 10, seed=11), draw(10, 10, seed=12).tril()),
        "code_prior": CodePull(weight, draw(PEOPLE, 21, 4, seed=9)),
        "initial_pose": InitialPose(weight, problem.guess, problem.init_weight),
        "residual_rotation": ResidualRotation(weight),
        "start_orientation": StartOrientation(weight, axis_angle_to_matrix(draw(PEOPLE, 3, seed=10))),
        "upright": Upright(weight, UPRIGHT),
        "height": KnownHeight(3.0, 1.8, torch.tensor(1.7, dtype=DTYPE), 0.03 * draw(10, seed=12)),
        "hold": Hold(
            2.0, constraints_of("right hand on the right hip, left foot on the floor, left hand above the head"), 0.2
        ),
        "moved_keypoints": MovedKeypoints(
            *(2e3, {"left_wrist": (410.0, 250.0), "nose": (380.0, 200.0)}, "coco", 900.0, (400.0, 300.0), 380.0)
        ),
        "plane": OnPlane(700.0, ("left_ankle", "right_ankle", "nose"), "coco", (0.3, 2.0, -0.6), 0.7),
        "ground": FeetOnGround(
            300.0, ANKLES, torch.rand(PEOPLE, 2, generator=torch.Generator().manual_seed(13), dtype=DTYPE), UP, LEVEL
        ),
    }


ANKLES = (15, 16)
UP = torch.tensor([0.1, -0.9, -0.3], dtype=DTYPE)
UPRIGHT = torch.tensor([[0.0, -0.8, -0.6], [0.6, -0.8, 0.0], [1.0, 0.0, 0.0]], dtype=DTYPE)
LEVEL = torch.tensor([-2.0, -1.0], dtype=DTYPE)
"""One of the ankles is above it, the other below."""


NAMES = (
    "reprojection",
    "view_reprojection",
    "in_view",
    "depth",
    "shape",
    "grouped_shape",
    "shape of somebody",
    "code_prior",
    "initial_pose",
    "residual_rotation",
    "start_orientation",
    "upright",
    "height",
    "hold",
    "moved_keypoints",
    "plane",
    "ground",
)


def linearised_body(stage, state, change):
    """The bodies after changes of unknowns, with the decoder linearised as in the solver."""
    turn = axis_angle_to_matrix(change["orient"])
    moved = torch.einsum("pjl,pjlab->pjab", change["pose"], stage.decoder_jacobian)
    body_pose = (state.body_pose + moved) @ axis_angle_to_matrix(change["residual"])
    given = (turn @ state.orient, state.transl + stage.depth * change["transl"], state.betas + change["betas"])
    found = stage.body.posed_landmarks(given[0], body_pose, given[2], given[1], format="coco")
    residual = state.residual + change["residual"]
    return Posed(*given, state.pose + change["pose"], residual, body_pose, found.landmarks, found.world)


def zeros(state):
    shapes = {"orient": (PEOPLE, 3)} | {
        name: getattr(state, name).shape for name in ("transl", "betas", "pose", "residual")
    }
    return {name: torch.zeros(shape, dtype=DTYPE, requires_grad=True) for name, shape in shapes.items()}


@pytest.mark.parametrize("name", NAMES)
def test_slopes_and_costs_of_a_term_are_those_of_autograd(scene, name):
    """Derivatives through the full body, whose surface also has pose-dependent effects that the columns omit."""
    stage, problem, state = scene
    term = terms(problem)[name]
    by = stage.derivatives(state)
    assembly = Assembly([(term, term.residual(state))], state, by)
    change = zeros(state)
    term.residual(linearised_body(stage, state, change)).cost.sum().backward()
    if name == "initial_pose":
        del change["residual"]  # no stage frees both the codes and the rotations after them
    for unknown, leaf in change.items():
        slope = torch.zeros(PEOPLE, leaf[0].numel(), dtype=DTYPE) if leaf.grad is None else leaf.grad.flatten(1)
        found = assembly.slope[:, assembly.places[unknown]]
        tolerance = 0.05 if unknown == "pose" else 0.02  # latents are moved by finite differences
        assert (found - slope).norm() <= tolerance * slope.norm() + 1e-9, unknown


@pytest.mark.parametrize("name", NAMES)
def test_curvature_is_that_of_squares_with_fixed_weights(scene, name):
    """The Gauss-Newton product of dense columns, computed entry by entry."""
    stage, problem, state = scene
    term = terms(problem)[name]
    by = stage.derivatives(state)
    assembly = Assembly([(term, term.residual(state))], state, by)
    columns, residual = term.columns(state, by), term.residual(state)
    groups, numbers = residual.values.shape[1:]
    dense = torch.zeros(PEOPLE, groups, numbers, assembly.slope.shape[1], dtype=DTYPE)
    if hasattr(columns, "unknown"):
        begin, own = assembly.places[columns.unknown].start, columns.columns.shape[-1]
        for joint in range(groups):
            block = columns.columns.expand(PEOPLE, groups, -1, -1)[:, joint]
            dense[:, joint, :, begin + joint * own : begin + (joint + 1) * own] = block
    else:
        for unknown, block in columns.columns.items():
            dense[..., assembly.places[unknown]] = block
    rows = (residual.root.expand(PEOPLE, groups)[..., None, None] * dense).flatten(1, 2)
    torch.testing.assert_close(assembly.curvature, rows.mT @ rows)


def test_reprojection_into_one_view_is_that_of_its_camera(scene):
    """In a rotated and translated world."""
    _, problem, state = scene
    one = terms(problem)["reprojection"]
    turn, shift = axis_angle_to_matrix(torch.tensor([0.3, -1.0, 0.5], dtype=DTYPE)), draw(3, seed=12)
    seen = ViewKeypoints(
        *(problem.keypoints[:, None], problem.confidence[:, None], problem.height[:, None]),
        *(problem.camera.focal[:1], problem.camera.centre[:1], turn.mT[None], -(turn.mT @ shift)[None]),
    )
    moved = state._replace(landmarks=state.landmarks @ turn.mT + shift)
    found = ViewReprojection(one.weight, one.rho, seen).residual(moved)
    torch.testing.assert_close(found.cost, one.residual(state).cost)
    torch.testing.assert_close(ViewReprojection(1.0, 0.1, seen[torch.tensor([2])]).views.xy, seen.xy[2:])
    alone = InView(one, seen.rotation, seen.translation, torch.full((1,), 0.5, dtype=DTYPE))
    torch.testing.assert_close(alone.residual(moved).cost, 0.5 * one.residual(state).cost)


def test_reprojection_is_its_naive_reference(scene):
    _, problem, state = scene
    found = terms(problem)["reprojection"].residual(state).cost
    projected = problem.camera.project(state.landmarks)
    for person in range(PEOPLE):
        total = weights = 0.0
        for (x, y), (u, v), c in zip(
            projected[person].tolist(),
            problem.keypoints[person].tolist(),
            problem.confidence[person].tolist(),
            strict=True,
        ):
            squared = ((x - u) ** 2 + (y - v) ** 2) / float(problem.height[person]) ** 2
            total += c**2 * (0.1**2 * squared) / (0.1**2 + squared)
            weights += c**2
        assert float(found[person]) == pytest.approx(2e3 * total / weights)


def test_reprojection_counts_parts_of_the_height_and_shares_of_the_confidence(scene):
    _, problem, state = scene
    term = terms(problem)["reprojection"]
    camera = Camera(7 * term.camera.focal, 7 * term.camera.centre)
    larger = replace(term, keypoints=7 * term.keypoints, height=7 * term.height, camera=camera)
    fainter = replace(term, confidence=0.3 * term.confidence)
    for other in (larger, fainter):
        torch.testing.assert_close(other.residual(state).cost, term.residual(state).cost)


@pytest.mark.parametrize("far", [1e3, 1e18])
def test_keypoints_without_confidence_have_no_influence(scene, far):
    stage, problem, state = scene
    confidence = problem.confidence.clone()
    confidence[:, 2] = 0.0
    by = stage.derivatives(state)
    slopes = []
    for at in (problem.keypoints[:, 2], torch.tensor(far, dtype=DTYPE)):
        keypoints = problem.keypoints.clone()
        keypoints[:, 2] = at
        term = Reprojection(2e3, 0.1, keypoints, confidence, problem.height, problem.camera)
        slopes.append(Assembly([(term, term.residual(state))], state, by).slope)
    assert slopes[0].abs().max() > 0
    torch.testing.assert_close(slopes[0], slopes[1])


def test_people_without_visible_keypoints_cost_nothing(scene):
    _, problem, state = scene
    unseen = torch.zeros_like(problem.confidence)
    residual = Reprojection(2e3, 0.1, problem.keypoints, unseen, problem.height, problem.camera).residual(state)
    assert residual.cost.tolist() == [0.0] * PEOPLE
    assert (residual.root == 0).all()


def test_the_gap_to_a_prediction_counts_joints_by_weight(scene):
    _, problem, state = scene
    cosine = geodesic_angle(state.body_pose, problem.guess).cos()
    expected = (problem.init_weight * 2 * (1 - cosine)).mean(-1)  # |A - B|^2 = 4 (1 - cos)
    ones = torch.ones(PEOPLE, dtype=DTYPE)
    found = InitialPose(ones, problem.guess, problem.init_weight).residual(state).cost
    torch.testing.assert_close(found, expected)


def test_depths_do_not_depend_on_the_distance_to_the_camera(scene):
    _, problem, state = scene
    term = terms(problem)["depth"]
    away = state._replace(landmarks=state.landmarks + torch.tensor([0.0, 0.0, 5.0], dtype=DTYPE))
    torch.testing.assert_close(term.residual(away).cost, term.residual(state).cost)
    exact = Depth(5.0, state.landmarks[..., 2] + 2.0, problem.confidence)
    torch.testing.assert_close(exact.residual(state).cost, torch.zeros(PEOPLE, dtype=DTYPE))


def test_one_wild_depth_hardly_counts(scene):
    _, problem, state = scene
    wild = state.landmarks[..., 2].clone()
    wild[:, 5] += 100.0
    found = Depth(1.0, wild, torch.ones_like(problem.confidence)).residual(state).cost
    assert (found <= 0.3**2 * (1 + 1e-6)).all()


def test_simple_terms(scene):
    _, _, state = scene
    ones = torch.ones(PEOPLE, dtype=DTYPE)
    moved = state._replace(residual=draw(PEOPLE, 21, 3, seed=1))
    target = draw(PEOPLE, 21, 4, seed=2)
    torch.testing.assert_close(Shape(ones).residual(state).cost, state.betas.square().sum(-1))
    torch.testing.assert_close(ResidualRotation(ones).residual(moved).cost, moved.residual.square().sum((1, 2)))
    pull = 0.5 * (state.pose - target).square().mean((1, 2))
    torch.testing.assert_close(CodePull(ones, target).residual(state).cost, pull)


def test_upright_is_the_angle_to_a_direction(scene):
    _, _, state = scene
    facing = torch.eye(3, dtype=DTYPE).expand(PEOPLE, 3, 3)
    up, ones = facing[:, 1], torch.ones(PEOPLE, dtype=DTYPE)
    zero = torch.zeros(PEOPLE, dtype=DTYPE)
    torch.testing.assert_close(Upright(ones, up).residual(state._replace(orient=facing)).cost, zero)
    angle = torch.tensor([0.1, -0.2, 2.0], dtype=DTYPE)
    leaning = axis_angle_to_matrix(torch.stack([angle, zero, zero], dim=-1))
    squared = 2 - 2 * angle.cos()
    expected = TILTED**2 * squared / (TILTED**2 + squared)
    torch.testing.assert_close(Upright(ones, up).residual(state._replace(orient=leaning)).cost, expected)


def test_inexact_keypoints_do_not_raise_the_weight_of_upright(scene):
    _, problem, state = scene
    level = replace(problem, up=UPRIGHT)
    found = [term for term in Weights().terms(EVERYTHING, level) if isinstance(term, Upright)]
    expected = Weights().upright * torch.tensor([0.3, 1.0, 1.0], dtype=DTYPE)
    torch.testing.assert_close(found[0].residual(state).weight[:, 0], expected)
    assert not any(isinstance(term, Upright) for term in Weights().terms(EVERYTHING, problem))


@pytest.mark.parametrize("unknown", ["pose", "orient", "transl"])
def test_columns_of_smoothness_are_those_of_autograd(scene, unknown):
    _, _, state = scene
    term, depth = Smoothness(unknown, 2.0), torch.tensor([[1.0, 1.0, 4.0]], dtype=DTYPE).expand(PEOPLE, 3)
    change = torch.zeros(PEOPLE, 3 if unknown != "pose" else 84, dtype=DTYPE)

    def numbers(change):
        if unknown == "orient":
            return term.numbers(state._replace(orient=axis_angle_to_matrix(change) @ state.orient))
        if unknown == "transl":
            return term.numbers(state._replace(transl=state.transl + depth * change))
        return term.numbers(state._replace(pose=state.pose + change.view_as(state.pose)))

    jacobian = torch.autograd.functional.jacobian(lambda change: numbers(change).sum(0), change).transpose(0, 1)
    found = term.columns(state, depth).expand(PEOPLE, -1, -1)
    torch.testing.assert_close(found, jacobian, atol=1e-6, rtol=1e-6)


def test_smoothness_is_the_mean_of_squared_accelerations(scene):
    _, _, state = scene
    frames = torch.arange(5, dtype=DTYPE)
    places = {"steady": frames, "braking": frames.square()}
    costs = {}
    for name, x in places.items():
        transl = torch.stack([x, torch.zeros(5), torch.zeros(5)], dim=-1)
        costs[name] = float(Smoothness("transl", 3.0).cost(state._replace(transl=transl)))
    assert costs == {"steady": 0.0, "braking": pytest.approx(3.0 / 3 * 3 * 2**2)}


def test_feet_below_the_ground_cost_and_feet_above_only_if_they_stand(scene):
    _, _, state = scene
    heights = state.landmarks[:, list(ANKLES)] @ UP - LEVEL
    assert (heights > 0).any()
    assert (heights < 0).any()
    for standing, expected in (
        (0.0, heights.clamp(max=0).square()),
        (1.0, heights.square() + heights.clamp(max=0).square()),
    ):
        found = FeetOnGround(2.0, ANKLES, torch.full((PEOPLE, 2), standing, dtype=DTYPE), UP, LEVEL).residual(state)
        torch.testing.assert_close(found.cost, 2.0 * expected.sum(-1))


def standing_feet(rho=0.05):
    return StandingFeet(500.0, ANKLES, torch.tensor([[0.9, 0.2], [0.0, 1.0]], dtype=DTYPE), rho)


def test_slopes_of_standing_feet_are_those_of_autograd(scene):
    stage, _, state = scene
    near = state._replace(
        transl=state.transl[:1] + 0.02 * draw(PEOPLE, 3, seed=14), orient=state.orient[:1].expand(3, 3, 3)
    )
    near = stage._posed(*near[:5])
    term, by = standing_feet(), stage.derivatives(near)
    change = zeros(near)
    term.cost(linearised_body(stage, near, change)).backward()
    pulled = term.curvature(near)[..., None] * term.displacements(near)
    for unknown, columns in term.columns(by).items():
        slope = torch.zeros(PEOPLE, columns.shape[-1], dtype=DTYPE)
        slope[:-1] -= torch.einsum("fpi,fpin->fn", pulled, columns[:-1])
        slope[1:] += torch.einsum("fpi,fpin->fn", pulled, columns[1:])
        expected = change[unknown].grad.flatten(1)
        assert (slope - expected).norm() <= (0.05 if unknown == "pose" else 0.02) * expected.norm() + 1e-9, unknown


def test_the_cost_of_standing_feet_is_their_sliding(scene):
    _, _, state = scene
    still = state._replace(landmarks=state.landmarks[:1].expand(PEOPLE, -1, -1))
    assert standing_feet().cost(still) == 0
    slid = still.landmarks.clone()
    slid[1:, 15, 0] += 0.01
    cost = 500.0 * 0.9 * 0.01**2 * 0.05**2 / (0.01**2 + 0.05**2)
    torch.testing.assert_close(standing_feet().cost(still._replace(landmarks=slid)), torch.tensor(cost, dtype=DTYPE))
    slid[1:, 15, 0] += 100.0  # a foot that leaves does not stand
    assert standing_feet().cost(still._replace(landmarks=slid)) < 500.0 * 0.9 * 0.05**2 * 1.001


def test_all_users_of_a_term_see_one_objective(scene):
    """A stage minimises the weighted sum of the terms for each person independently."""
    stage, problem, state = scene
    expected = torch.stack([term.residual(state).cost for term in stage.all_terms]).sum(0)
    torch.testing.assert_close(stage.cost(state), expected)
    begun = replace(problem, start=Start(problem.guess, state.orient))
    of_all_ages = replace(problem, groups=Body.ages().data.groups)
    level = replace(problem, up=UPRIGHT)
    cases = {"start_pose": begun, "start_orient": begun, "grouped_shape": of_all_ages, "upright": level}

    def terms(weights, problem):
        return [*weights.terms(EVERYTHING, problem), weights.pull(problem, stage.all_terms[-1].target)]

    for field in fields(Weights):
        seen = cases.get(field.name, problem)
        doubled = replace(Weights(), **{field.name: 2 * getattr(Weights(), field.name)})
        pairs = zip(terms(doubled, seen), terms(Weights(), seen), strict=True)
        changed = [not torch.equal(a.residual(state).weight, b.residual(state).weight) for a, b in pairs]
        assert sum(changed) == 1, field.name
