import numpy as np
import pytest

from fitting.output.trc import write_trc


def test_a_file_has_the_header_and_a_line_a_frame(tmp_path):
    joints = np.arange(12.0).reshape(2, 2, 3) / 8
    write_trc(tmp_path / "made" / "a.trc", joints, 50.0, ("pelvis", "head"))
    lines = [line.split("\t") for line in (tmp_path / "made" / "a.trc").read_text().splitlines()]
    assert lines[0] == ["PathFileType", "4", "(X/Y/Z)", "a.trc"]
    assert dict(zip(lines[1], lines[2], strict=True)) == {
        **{"DataRate": "50", "CameraRate": "50", "NumFrames": "2", "NumMarkers": "2", "Units": "m"},
        **{"OrigDataRate": "50", "OrigDataStartFrame": "1", "OrigNumFrames": "2"},
    }
    assert lines[3] == ["Frame#", "Time", "pelvis", "", "", "head", "", ""]
    assert lines[4] == ["", "", "X1", "Y1", "Z1", "X2", "Y2", "Z2"]
    np.testing.assert_allclose(
        [list(map(float, line)) for line in lines[5:]], [[1, 0, *joints[0].ravel()], [2, 0.02, *joints[1].ravel()]]
    )


@pytest.mark.parametrize(
    ("joints", "fps"), [(np.zeros((1, 3, 3)), 1), (np.full((1, 2, 3), np.nan), 1), (np.zeros((1, 2, 3)), 0)]
)
def test_invalid_motions_are_refused(tmp_path, joints, fps):
    with pytest.raises(ValueError, match="must be"):
        write_trc(tmp_path / "a.trc", joints, fps, ("a", "b"))
    assert not list(tmp_path.iterdir())
