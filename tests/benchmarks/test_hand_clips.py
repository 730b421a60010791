import numpy as np
import torch

from benchmarks import hand_clips
from fitting.body.body import Body


def test_scenes_have_the_stated_errors():
    given = hand_clips.scene(Body.open(hands=True), 60, 0)
    hands = given.seen.keypoints.hands
    assert hands.found.shape == (60, 2)
    assert 0.8 < hands.found.mean() < 1
    off = torch.linalg.vector_norm(torch.from_numpy(hands.world[:, :, [4, 8, 12, 16, 20]]) - given.tips, dim=-1)
    assert 0.01 < off.median() < 0.02  # of three coordinates
    assert hand_clips._accelerations(given.tips).norm(dim=-1).mean() < 0.005


def test_the_table_is_written(monkeypatch, tmp_path, shorten):
    shorten(monkeypatch)
    monkeypatch.setattr(hand_clips, "SMOOTHNESS", (0.0, 1.0))
    hand_clips.main(clips=1, frames=20, out=tmp_path)
    text = (tmp_path / "hand-clips.md").read_text()
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith(("| 0", "| 1"))]
    rough, smooth = np.array(rows, dtype=float)
    assert (smooth[1:] < 0.9 * rough[1:]).all()
    assert "python -m benchmarks.hand_clips --clips 1 --frames 20 --out" in text
