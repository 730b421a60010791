import numpy as np
import pytest

from benchmarks import rig_variation
from benchmarks.prior.poses import QUICK_FILE, Poses
from benchmarks.rig_variation import COLUMNS, Training, main, row, train
from qposer.training import batches


def test_classifiers_train_at_the_given_strength(strengths_of):
    strengths = strengths_of(batches)
    poses = Poses.quick()
    detector = train(poses.train, 0.3, Training(steps=3, batch_size=8, width=16))
    assert strengths == [0.3] * 4
    assert not detector.training


def test_a_row_has_the_share_that_passes_and_the_areas():
    poses = Poses.quick()
    detector = train(poses.train, 0.0, Training(steps=250, batch_size=64, width=16))
    cells = row(detector, 0.5, poses.validation[:100], poses.validation)
    assert len(cells) == len(COLUMNS)
    assert cells[0] == "0.5"
    assert 85 < float(cells[1]) <= 100
    assert all(float(cell.split()[0]) > 0.5 for cell in cells[2:])


def test_missing_foreign_poses_give_a_one_line_error(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(QUICK_FILE, smpl=tmp_path / "none.npz")
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "none.npz" in line


def test_the_table_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(rig_variation.Poses, "load", lambda path: Poses.quick())
    smpl = tmp_path / "smpl.npz"

    np.savez(smpl, pose=np.zeros((20, 24, 3), dtype=np.float32))
    main(QUICK_FILE, tmp_path, smpl, strengths=(0.0,), steps=1)
    text = (tmp_path / "rig-variation.md").read_text()
    assert text.count("\n| 0 |") == 1
    assert "--strengths 0.0" in text
