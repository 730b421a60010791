import numpy as np
import pytest

from fitting.shapes import check_shapes

SHAPES = {"pose": "frames 21 3", "move": "frames 3", "betas": "shapes", "scale": ""}


def arrays(**changes):
    return {
        "pose": np.ones((5, 21, 3)),
        "move": np.ones((5, 3)),
        "betas": np.ones(10),
        "scale": np.array(1.0),
    } | changes


def test_right_shapes_and_unconstrained_arrays_pass():
    check_shapes(arrays(other=np.ones((0, 2))), SHAPES)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("pose", np.ones((5, 21))),
        ("pose", np.ones((5, 22, 3))),
        ("move", np.ones((4, 3))),
        ("betas", np.ones(0)),
        ("betas", np.ones((1, 10))),
        ("scale", np.ones(1)),
    ],
)
def test_other_shapes_are_refused(name, array):
    with pytest.raises(ValueError, match=f"{name} must have the shape"):
        check_shapes(arrays(**{name: array}), SHAPES)
