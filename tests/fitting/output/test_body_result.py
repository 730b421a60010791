import numpy as np

from fitting.output.body_result import BodyResult


def test_arguments_of_a_clip_are_a_row_a_frame():
    frames = 3
    random = np.random.default_rng(0)
    result = BodyResult(
        global_orient=random.normal(size=(frames, 3)),
        body_pose=random.normal(size=(frames, 21, 3)),
        betas=random.normal(size=10),
        transl=random.normal(size=(frames, 3)),
        codes=np.zeros((frames, 21, 4), int),
        body="open",
        qposer_version="0",
    )
    arguments = result.smplx_arguments(21)
    assert {value.shape[0] for value in arguments.values()} == {frames}
    np.testing.assert_allclose(arguments["body_pose"], result.body_pose.reshape(frames, 63).astype(np.float32))
    np.testing.assert_allclose(arguments["betas"], np.tile(result.betas, (frames, 1)).astype(np.float32))
