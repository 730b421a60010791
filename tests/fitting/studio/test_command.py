import socket
from types import SimpleNamespace

import pytest

from fitting.commands import studio
from fitting.studio import app
from fitting.studio.session import Pose, Session, read_session, write_session
from qposer.body_pose.posed_skeleton import neutral_pose


class Ended(app.Studio):
    """A studio that is stopped immediately."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        assert self.worker.wait(30)
        self.close()
        raise KeyboardInterrupt


@pytest.fixture
def start(monkeypatch, random_prior, tmp_path):
    monkeypatch.setattr(app, "Studio", Ended)

    def start(**options):
        with pytest.raises(SystemExit, match="130"):
            studio.main(port=0, out=tmp_path / "out", **options)
        return read_session(tmp_path / "out" / "session.npz")

    return start


@pytest.fixture
def earlier(tmp_path):
    session = Session([Pose(neutral_pose(), "earlier", 0.5)])
    (tmp_path / "out").mkdir()
    write_session(tmp_path / "out" / "session.npz", session)
    return tmp_path / "out"


def test_starts_a_new_session_and_renames_an_earlier_one(start, earlier):
    assert start().current.origin == "at ease"
    (aside,) = earlier.glob("session-*.npz")
    assert read_session(aside).current.origin == "earlier"


def test_resumes_in_the_given_folder(start, earlier):
    assert start(resume=True).current.origin == "earlier"
    assert [path.name for path in earlier.glob("*.npz")] == ["session.npz"]


@pytest.mark.parametrize("finished", [True, False])
def test_a_stuck_job_does_not_keep_the_command_from_ending(monkeypatch, capsys, random_prior, tmp_path, finished):
    class Closed(app.Studio):
        def close(self):
            assert self.worker.wait(30)
            return super().close() and finished

    def interrupt(_):
        raise KeyboardInterrupt

    left = []
    monkeypatch.setattr(app, "Studio", Closed)
    monkeypatch.setattr(studio, "time", SimpleNamespace(sleep=interrupt))
    monkeypatch.setattr(studio, "os", SimpleNamespace(_exit=left.append))
    with pytest.raises(SystemExit, match="130"):
        studio.main(port=0, out=tmp_path)
    assert left == ([] if finished else [130])
    assert ("was dropped" in capsys.readouterr().err) != finished
    assert read_session(tmp_path / "session.npz").current.origin == "at ease"


def test_resuming_requires_a_session(refused, tmp_path):
    assert "omit --resume" in refused("studio", "--resume", "--out", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["--host", "no.such.host.invalid"], "cannot listen"), (["--seed", "-1"], "a seed must be")],
)
def test_wrong_options_are_reported_before_anything_is_moved(refused, random_prior, earlier, arguments, sentence):
    assert sentence in refused("studio", *arguments, "--out", earlier)
    assert [path.name for path in earlier.glob("*.npz")] == ["session.npz"]


@pytest.mark.parametrize("options", [[], ["--resume"]])
def test_a_second_studio_in_the_same_folder_is_refused_and_moves_nothing(monkeypatch, refused, start, earlier, options):
    reported = []

    class Begun(Ended):
        def close(self):
            monkeypatch.setattr(app, "Studio", Ended)
            reported.append(refused("studio", *options, "--port", 0, "--out", earlier))
            super().close()

    monkeypatch.setattr(app, "Studio", Begun)
    assert start(resume=True).current.origin == "earlier"
    assert "another run is writing into" in reported[0]
    assert [path.name for path in earlier.glob("*.npz")] == ["session.npz"]


def test_a_port_in_use_is_reported(refused, random_prior, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "give another --host or --port" in refused("studio", "--port", taken.getsockname()[1], "--out", tmp_path)


def test_a_file_in_place_of_the_folder_is_rejected(refused, random_prior, tmp_path):
    (tmp_path / "out").touch()
    assert "is a file: give a folder" in refused("studio", "--out", tmp_path / "out")
