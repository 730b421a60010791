import pytest

from qposer.io.assets import ASSETS, OVERRIDE, asset


def test_a_folder_of_the_environment_takes_precedence_for_the_files_that_it_has(tmp_path, monkeypatch):
    monkeypatch.setenv(OVERRIDE, str(tmp_path))
    assert asset("body.npz") == ASSETS / "body.npz"
    (tmp_path / "body.npz").write_bytes(b"")
    assert asset("body.npz") == tmp_path / "body.npz"


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"no-such\.npz is not in"):
        asset("no-such.npz")
