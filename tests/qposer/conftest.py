import pytest
import torch

from qposer.body_pose.posed_skeleton import OrientedPose, neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.prior.code_prior import CodePrior


@pytest.fixture(scope="session")
def shipped_prior():
    """The shipped prior, shared by all tests with its cached samples."""
    return CodePrior.from_pretrained()


@pytest.fixture(scope="session")
def posed():
    """Make postures with hanging arms and given joint rotations, degrees about x, y, z."""

    def turned(pelvis=(0.0, 0.0, 0.0), **turns):
        hanging = {"left_shoulder": (0.0, 0.0, -70.0), "right_shoulder": (0.0, 0.0, 70.0)}
        body_pose = torch.zeros(21, 3)
        for joint, degrees in (hanging | turns).items():
            body_pose[BODY_JOINT_NAMES.index(joint)] = torch.tensor(degrees).deg2rad()
        return OrientedPose(axis_angle_to_matrix(body_pose), axis_angle_to_matrix(torch.tensor(pelvis).deg2rad()))

    return turned


@pytest.fixture(scope="session")
def random_postures():
    """Make noisy postures around the neutral one, with random pelvis orientation."""

    def drawn(seed, number, spread=0.4):
        generator = torch.Generator().manual_seed(seed)
        noise = spread * torch.randn(number, 21, 3, generator=generator)
        orient = torch.randn(number, 3, generator=generator)
        return OrientedPose(neutral_pose().body_pose @ axis_angle_to_matrix(noise), axis_angle_to_matrix(orient))

    return drawn


@pytest.fixture(scope="session")
def other_side():
    """Return the name of the other side's joint, point, or angle; names without sides stay."""

    def exchanged(name):
        side, _, rest = name.partition("_")
        return {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, name)

    return exchanged


@pytest.fixture(scope="session")
def in_mirror(other_side):
    """Make the mirrored posture."""
    swapped = [BODY_JOINT_NAMES.index(other_side(name)) for name in BODY_JOINT_NAMES]
    reflection = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))

    def reflected(posture):
        body_pose, orient = (reflection @ part @ reflection for part in posture)
        return OrientedPose(body_pose[..., swapped, :, :], orient)

    return reflected
