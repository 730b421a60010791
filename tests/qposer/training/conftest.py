import numpy as np
import pytest


@pytest.fixture(scope="session")
def poses(tmp_path_factory):
    """Poses that vary along one direction, from one subject per split."""
    generator = np.random.default_rng(0)
    direction = generator.normal(size=(24, 3))
    pose = 0.2 * np.sin(np.linspace(0, 20, 300))[:, None, None] * direction
    path = tmp_path_factory.mktemp("data") / "poses.npz"
    np.savez(
        path,
        pose=pose.astype(np.float32),
        subject=np.repeat(["02", "03", "01"], 100),
        sequence=np.repeat(["a"], 300),
        frame=np.arange(300, dtype=np.int32),
        source=np.repeat(["asf"], 300),
    )
    return path
