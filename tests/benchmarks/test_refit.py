"""The benchmark of corrected fits."""

from benchmarks import refit


def test_calls_are_timed_after_a_warm_up(monkeypatch):
    clock = iter([0.0, 1.0, 10.0, 13.0, 20.0, 22.0])
    monkeypatch.setattr(refit.time, "perf_counter", lambda: next(clock))
    calls = []
    assert refit.timed(lambda: calls.append(None), 3) == "2.00 [1.00, 3.00]"
    assert len(calls) == 4


def test_the_page_has_every_correction(tmp_path, monkeypatch):
    monkeypatch.setattr(refit, "timed", lambda call, repeats: "0.10 [0.10, 0.10]")
    refit.main(repeats=2, out=tmp_path)
    page = (tmp_path / "refit.md").read_text()
    for name in ("fit", "fit with 5 hypotheses", "a moved keypoint", "a known height", "left hand on the left hip"):
        assert f"| {name} | 0.10 [0.10, 0.10] |" in page
