"""Initial alignment of a body with its keypoints, in closed form."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.camera import Camera, depth_from_size
from qposer.body_pose.rotations import axis_angle_to_matrix


def place(
    landmarks: Float[Tensor, "people joints 3"],
    keypoints: Float[Tensor, "people joints 2"],
    weight: Float[Tensor, "people joints"],
    camera: Camera,
) -> tuple[Float[Tensor, "people 3 3"], Float[Tensor, "people 3"], Float[Tensor, " people"]]:
    """Rotate a body in the image plane and translate it to align its projected landmarks with keypoints.

    Solved as weak perspective: the best rotation, scale and shift in the image plane (Procrustes in two dimensions, as
    complex numbers) give the roll, the depth and the position. No specific keypoints are required.

    Args:
        landmarks: landmarks of the posed and oriented body, in metres, camera axes.
        keypoints: pixels.
        weight: weight of each keypoint, zero if unseen.
        camera: one for each person.

    Returns:
        The rotation about the line of sight, the translation to apply after it, and the weighted root mean square
        distance in pixels after alignment.
    """
    weight = weight / weight.sum(-1, keepdim=True)
    model = torch.complex(landmarks[..., 0], landmarks[..., 1])
    image = torch.complex(*(keypoints - camera.centre[:, None]).unbind(-1))
    model_mean, image_mean = (weight * model).sum(-1), (weight * image).sum(-1)
    model, image = model - model_mean[:, None], image - image_mean[:, None]
    spread = (weight * model.abs().square()).sum(-1)
    similarity = (weight * model.conj() * image).sum(-1) / spread
    scale, angle = similarity.abs().clamp(min=1e-6), similarity.angle()
    left_over = (weight * (image - similarity[:, None] * model).abs().square()).sum(-1).sqrt()
    roll = axis_angle_to_matrix(angle[:, None] * landmarks.new_tensor([0.0, 0.0, 1.0]))

    depth = depth_from_size(camera.focal, torch.ones_like(scale), scale)
    centre = image_mean / scale - model_mean * similarity / scale
    mean_depth = (weight * landmarks[..., 2]).sum(-1)
    translation = torch.stack([centre.real, centre.imag, depth - mean_depth], dim=-1)
    return roll, translation, left_over
