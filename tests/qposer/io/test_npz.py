import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from qposer.io.npz import read_npz


def archive(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_requested_names_are_read_and_nothing_else(tmp_path):
    path = archive(tmp_path / "a.npz", {"a": npy(np.arange(3)), "b": b"no array"})
    assert read_npz(path, ("a", "c"))["a"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="expected an npz archive of plain arrays"):
        read_npz(path)


def test_a_small_file_of_large_arrays_is_refused_before_it_is_read(tmp_path):
    zeros = npy(np.zeros(2**23, np.uint8))
    path = archive(tmp_path / "a.npz", {"a": zeros, "b": zeros})
    assert path.stat().st_size < 2**15
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than 15 MiB"):
        read_npz(path, most=15 * 2**20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    assert len(read_npz(path, most=17 * 2**20)) == 2


@pytest.mark.parametrize("shape", ["(99999999999,)", "(-5, 25, 2)", "(10000000000, 10000000000)"])
def test_a_header_that_exceeds_the_data_allocates_no_memory(tmp_path, shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(80)
    with pytest.raises(ValueError, match="declares the shape"):
        read_npz(archive(tmp_path / "a.npz", {"a": content}))


def test_objects_and_damaged_archives_are_reported_in_one_line(tmp_path):
    file = io.BytesIO()
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    path = archive(tmp_path / "a.npz", {"a": file.getvalue()})
    with pytest.raises(ValueError, match="Python objects"):
        read_npz(path)
    archive(path, {"a": npy(np.arange(1000.0))}, zipfile.ZIP_LZMA)
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected an npz archive") as reported:
        read_npz(path)
    assert "\n" not in str(reported.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "absent.npz")
