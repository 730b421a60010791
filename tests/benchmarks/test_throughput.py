from benchmarks.throughput import FOLDER, LOOP, ONE, TWO, verdict


def test_the_verdict_compares_two_workers_with_the_loop_and_with_one():
    conclusion = verdict({LOOP: 0.5, FOLDER: 1.0, ONE: 1.0, TWO: 2.0})
    assert conclusion.startswith("Two workers are 4.0 times as fast as the loop (required: 4)")
    assert "2.00 times as fast as one worker (required: 1.8)" in conclusion
