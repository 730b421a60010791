import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import qposer
from qposer.io.atomic_files import atomic_write


def test_a_file_is_flushed_before_and_its_folder_after_the_rename(tmp_path, monkeypatch):
    synced = []

    def fsync(handle):
        synced.append((str(Path(f"/proc/self/fd/{handle}").readlink()), (tmp_path / "a").exists()))

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not report the file of a descriptor")
    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_write(tmp_path / "a") as temporary:
        temporary.write_text("content")
    assert synced == [(str(temporary), False), (str(tmp_path), True)]


def test_a_failed_write_leaves_only_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")

    def failing():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        failing()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_names_as_long_as_file_systems_allow(tmp_path):
    path = tmp_path / ("ä" * 120 + ".json")
    with atomic_write(path) as temporary:
        temporary.write_text("content")
    assert path.read_text() == "content"


def test_threads_do_not_share_a_temporary_file(tmp_path):
    names = []

    def write():
        with atomic_write(tmp_path / "a") as temporary:
            names.append(temporary.name)
            temporary.write_text("content")

    with atomic_write(tmp_path / "a") as temporary:
        other = threading.Thread(target=write)
        other.start()
        other.join()
        temporary.write_text("mine")
    assert names[0] != temporary.name
    assert (tmp_path / "a").read_text() == "mine"


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    writing = """
import os, signal, sys
from qposer.io.atomic_files import atomic_write
with atomic_write(sys.argv[1]) as temporary:
    temporary.write_text("half")
    temporary.with_name(f"{temporary.name}.mp4").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    path, other = tmp_path / "a[1]", tmp_path / ".a[1].of-somebody"
    other.touch()
    root = Path(qposer.__file__).parents[1]
    subprocess.run([sys.executable, "-c", writing, str(path)], check=False, cwd=root)
    assert len(list(tmp_path.iterdir())) == 3
    running = path.with_name(f".{path.name}.{os.getppid()}-1")
    running.touch()
    with atomic_write(path) as temporary:
        temporary.write_text("content")
    assert {file.name for file in tmp_path.iterdir()} == {path.name, other.name, running.name}
