import re

import pytest
from rich.console import Console

from benchmarks import tuning
from benchmarks.cache import Cache
from benchmarks.prior import __main__ as program
from benchmarks.prior import qposer_prior, report
from benchmarks.prior.contenders import Contender
from benchmarks.prior.measurements import measure_all
from benchmarks.prior.sections import sections

CONSOLE = Console(quiet=True)


@pytest.fixture(scope="module", autouse=True)
def _short_searches():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "FARTHEST", 1)
        patch.setattr(qposer_prior, "STEPS", 5)
        yield


@pytest.fixture(scope="module")
def peers(contender, nearly):
    return [contender, Contender("VPoser near", nearly, ("code",))]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def found(peers, poses, tiny, cache):
    return measure_all(peers, poses, tiny, Cache(cache), CONSOLE)


def test_every_prior_is_in_every_protocol_that_it_can_take(found):
    both = {"QPoser", "VPoser near"}
    assert set(found.reconstruction) == set(found.speed["poses"]) == set(found.edits) == {"QPoser"}
    assert set(found.plausibility) == set(found.completion) == set(found.denoising) == set(found.tuning) == both
    assert set(found.generation) == both | {"training poses", "validation poses"}


def test_a_second_run_reads_the_cache_of_the_first(found, peers, poses, tiny, cache):
    def written():
        return {file.name: file.stat().st_mtime_ns for file in cache.iterdir()}

    before = written()
    assert measure_all(peers, poses, tiny, Cache(cache), CONSOLE) == found
    assert written() == before


def test_only_the_prior_with_new_weights_is_measured_again(found, peers, poses, tiny, cache):
    before = set(cache.iterdir())
    changed = [peers[0], Contender(peers[1].name, peers[1].prior, ("other code",))]
    measure_all(changed, poses, tiny, Cache(cache), CONSOLE)
    new = {file.name for file in set(cache.iterdir()) - before}
    assert new
    assert all("vposer-near" in name for name in new)


def test_the_document_explains_its_columns_and_shows_every_prior(found, tiny, tmp_path):
    text = report.write(found, tiny, ["Command: `x`."], tmp_path / "docs").read_text()
    assert "- Command: `x`." in text
    for part in sections(found, tiny):
        assert f"## {part.title}" in text
        assert all(table.markdown() in text for table in part.tables)
    for picture in re.findall(r"\]\((images/.*?)\)", text):
        assert (tmp_path / "docs" / picture).stat().st_size > 1000
    assert "nan" not in text


def test_tables_can_be_made_without_any_baseline(contender, poses, tiny, cache):
    found = measure_all([contender], poses, tiny, Cache(cache), CONSOLE)
    assert "QPoser" in report.markdown(found, tiny, [])


def test_poses_must_be_given_unless_it_is_quick(capsys):
    with pytest.raises(SystemExit) as stopped:
        program.main()
    assert stopped.value.code == 2
    assert "--quick" in capsys.readouterr().err


def test_quick_writes_a_document_only_on_request(contender, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "QUICK", tiny)
    monkeypatch.setattr(program, "load_qposer", lambda model, codeprior: contender)
    monkeypatch.chdir(tmp_path)
    program.main(quick=True)
    assert "Denoising" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
