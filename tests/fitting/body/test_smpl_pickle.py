import pickle
import struct
import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from fitting.body.smpl_pickle import read_arrays


def refused(path, content, reported):
    """With little memory."""
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ValueError, match=reported) as error:
        read_arrays(path, ("a",))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04" + pickle.BINBYTES8 + struct.pack("<Q", 2**40) + b".",
        b"\x80\x05" + pickle.BYTEARRAY8 + struct.pack("<Q", 10**10) + b".",
        b"\x80\x04" + pickle.FRAME + struct.pack("<Q", 2**60) + b".",
        b"\x80\x02" + pickle.LONG4 + struct.pack("<i", 2**31 - 1) + b".",
        b"\x80\x02" + pickle.LONG_BINPUT + struct.pack("<I", 2**31 - 1),
    ],
)
def test_declared_lengths_take_no_memory(tmp_path, content):
    refused(tmp_path / "a.pkl", content, "not an SMPL pickle")


def test_a_call_repeated_over_a_shared_argument_is_bounded(tmp_path):
    """Each call copies a text of a megabyte that the pickle contains once."""
    text = pickle.BINUNICODE + struct.pack("<I", 10**6) + b"a" * 10**6 + pickle.BINPUT + b"\x00" + pickle.POP
    call = (
        b"c_codecs\nencode\nh\x00"
        + pickle.BINUNICODE
        + struct.pack("<I", 6)
        + b"latin1"
        + pickle.TUPLE2
        + pickle.REDUCE
    )
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02" + text + (call + pickle.POP) * 2000 + b"}.")
    with pytest.raises(ValueError, match="more than 1024 MiB"):
        read_arrays(path, ())


def test_lists_of_lists_are_rejected(tmp_path):
    nested = [1.0]
    for _ in range(60):
        nested = [nested, nested]
    refused(tmp_path / "a.pkl", pickle.dumps({"a": nested}), "found a list instead of an array")


def test_a_sparse_matrix_of_a_huge_shape_is_refused(tmp_path):
    matrix = sparse.coo_matrix(([1.0], ([0], [0])), shape=(10**6, 10**6))
    refused(tmp_path / "a.pkl", pickle.dumps({"a": matrix}), "more than 1024 MiB")


KINDS = ("csc_matrix", "csc_array", "csr_matrix", "csr_array", "coo_matrix", "coo_array")


@pytest.mark.parametrize("kind", KINDS)
def test_sparse_matrices_are_filled_in(tmp_path, kind):
    dense = np.random.default_rng(0).random((4, 7)) * (np.random.default_rng(1).random((4, 7)) < 0.4)
    matrix = getattr(sparse, kind)(dense)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": matrix}))
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.pkl", ("a",))["a"], dense)


def test_numbers_at_one_place_of_a_sparse_matrix_are_summed(tmp_path):
    matrix = sparse.coo_matrix(([1.0, 2.0, 4.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": matrix}))
    assert read_arrays(tmp_path / "a.pkl", ("a",))["a"].tolist() == [[0.0, 3.0], [4.0, 0.0]]


@pytest.mark.parametrize("kind", ["csc_matrix", "csr_matrix"])
@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("indptr", [0, 10**8, 10**8, 10**8, -1]),
        ("indptr", [0, 1, 2, 10**8, 0]),
        ("indptr", [0, 3, 2, 3, 4]),
        ("indptr", [1, 1, 2, 3, 4]),
        ("indptr", [0, 1, 2, 4]),
        ("indptr", [0.0, 1.0, 2.0, 3.0, 4.0]),
        ("indices", [0, 1, 2, 10**8]),
        ("indices", [0, 1, 2, -1]),
        ("indices", [0, 1, 2]),
        ("data", [1.0, 1.0]),
    ],
)
def test_sparse_matrices_that_reach_beyond_themselves_are_refused(tmp_path, kind, part, values):
    matrix = getattr(sparse, kind)(np.eye(4))
    setattr(matrix, part, np.array(values))
    refused(tmp_path / "a.pkl", pickle.dumps({"a": matrix}), "not an SMPL pickle")


@pytest.mark.parametrize(
    "content",
    [
        b"cnumpy.core.multiarray\n_reconstruct\n}b.",  # the state of a function
        b"cnumpy\nndarray\n}b.",  # and of a class
        b"c__builtin__\nobject\n)R.",
        b"(S'echo'\nios\nsystem\n.",
        b"cos\nsystem\n.",
        b"\x82\x01.",
        b"Pid\n.",
    ],
)
def test_unsupported_pickle_opcodes_are_rejected(tmp_path, content):
    refused(tmp_path / "a.pkl", content, "not an SMPL pickle: .*(unsupported|without state|could run code)")


def test_arrays_of_python_2_and_scalars(tmp_path):
    content = {"a": np.arange(6.0).reshape(2, 3), "b": np.float32(2.5)}
    for protocol in range(6):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
        found = read_arrays(tmp_path / "a.pkl", ("a", "b", "c"))
        assert found["a"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
        assert float(found["b"]) == 2.5
