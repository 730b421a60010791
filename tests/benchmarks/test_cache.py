import pytest

from benchmarks.cache import Cache


class Measure:
    def __init__(self, result):
        self.result, self.calls = result, 0

    def __call__(self):
        self.calls += 1
        return self.result


def test_a_result_is_measured_once(tmp_path):
    measure = Measure({"error": [1.0, 2.0]})
    results = [Cache(tmp_path).result("a b", {"seed": 0}, measure) for _ in range(2)]
    assert results == [{"error": [1.0, 2.0]}] * 2
    assert measure.calls == 1


def test_changed_inputs_are_measured_again(tmp_path):
    cache, measure = Cache(tmp_path), Measure({})
    for depends_on in ({"seed": 0}, {"seed": 1}, {"seed": 0, "weights": "x"}):
        cache.result("a", depends_on, measure)
    assert measure.calls == 3


def test_time_is_counted_for_kept_results_too(tmp_path):
    def busy():
        return {"sum": sum(range(10**6))}

    first, second = Cache(tmp_path), Cache(tmp_path)
    for cache in (first, second):
        cache.result("a", {}, busy)
    assert first.seconds == second.seconds > 0


def test_a_measurement_that_fails_leaves_nothing(tmp_path):
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Cache(tmp_path).result("a", {}, fail)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "Expecting"),
        ("[1]", "list indices"),
        ('{"seconds": 1}', "lacks 'result'"),
        ('{"result": 1, "seconds": 1}', ""),
    ],
)
def test_a_damaged_result_is_named(tmp_path, content, message):
    cache, measure = Cache(tmp_path), Measure({})
    cache.result("a", {}, measure)
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    with pytest.raises(
        ValueError, match=rf"{file.name} is not a cached result \(.*{message}.*\): delete it to measure again"
    ):
        cache.result("a", {}, measure)
