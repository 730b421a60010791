import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from fitting.commands import complete, edit
from fitting.hands.files import hand_arrays, read_hands, resting_hands
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, BODY_PARTS
from qposer.control import edits
from qposer.hands import pairs
from qposer.hands.pairs import HAND_PARTS
from qposer.hands.prior import load_hand_prior


def arrays(path):
    with np.load(path) as file:
        return dict(file)


@pytest.fixture
def poses(tmp_path):
    """A file with three poses."""
    values = 0.3 * np.random.default_rng(0).normal(size=(3, 21, 3)).astype(np.float32)
    np.savez(tmp_path / "poses.npz", poses=values.reshape(3, 63))
    return tmp_path / "poses.npz", torch.from_numpy(values)


def test_swap_with_the_shipped_weights(run, tmp_path):
    said = run("edit", "swap", "--parts", "left_arm", "head", "--out", tmp_path)
    assert f"picture: {tmp_path / 'swap.png'}" in said
    written = arrays(tmp_path / "swap.npz")
    assert written["name"].tolist() == ["pose: sample 0", "donor: sample 1", "result"]
    pose, donor, result = written["body_pose"]
    joints = edits.joints_of(["left_arm", "head"])
    rest = [joint for joint in range(21) if joint not in joints]
    assert np.abs(result - donor)[joints].mean() < 0.1 < np.abs(result - pose)[joints].mean()
    assert np.abs(result - pose)[rest].mean() < 0.1 < np.abs(result - donor)[rest].mean()


def test_swap_takes_the_poses_that_are_named(run, random_prior, poses, tmp_path):
    file, values = poses
    run("edit", "swap", "--parts", "arms", "--pose", f"{file}:2", "--donor.pose", file, "--out", tmp_path)
    written = arrays(tmp_path / "swap.npz")
    assert written["name"].tolist() == ["pose: poses 2", "donor: poses 0", "result"]
    expected = edits.swap(values[2], values[0], "arms", model=random_prior.model)
    np.testing.assert_allclose(written["body_pose"], torch.stack([values[2], values[0], expected]), atol=1e-5)
    energy = random_prior.energy(torch.from_numpy(written["body_pose"]))
    np.testing.assert_allclose(written["energy"], energy, rtol=1e-4, atol=1e-4)


@pytest.fixture
def hands(poses, tmp_path):
    """The file with three poses with hands: drawn ones, others, and none."""
    drawn = torch.cat([load_hand_prior().sample(4, seed=0).view(2, 2, 15, 3, 3), torch.eye(3).expand(1, 2, 15, 3, 3)])
    both = matrix_to_axis_angle(pairs.of_right_hands(drawn))
    both[2] = resting_hands()
    np.savez(tmp_path / "hands.npz", body_pose=poses[1].numpy(), **hand_arrays(both))
    return tmp_path / "hands.npz", both


def test_swap_of_fingers(run, random_prior, poses, hands, tmp_path):
    (_, bodies), (file, given) = poses, hands
    parts = ["left_hand", "right_index"]
    said = run("edit", "swap", "--parts", *parts, "--pose", file, "--donor.pose", f"{file}:1", "--out", tmp_path)
    expected = pairs.swap(given[0], given[1], parts)
    written, result = arrays(tmp_path / "swap.npz"), read_hands(tmp_path / "swap.npz")
    torch.testing.assert_close(result, torch.stack([given[0], given[1], expected]), atol=1e-4, rtol=0)
    assert (expected[:15] - given[1, :15]).abs().mean() < 0.1 < (expected[:15] - given[0, :15]).abs().mean()
    assert np.array_equal(written["body_pose"][2], bodies[0])
    assert written["hands_found"].all()
    assert f"the edited hands closely: {tmp_path / 'swap_hands.png'}" in said
    assert tinted(tmp_path / "swap.png") == [False, True, True]


def test_hands_go_along_with_the_body(run, random_prior, hands, tmp_path):
    file, given = hands
    run("edit", "swap", "--parts", "arms", "--pose", f"{file}:1", "--donor.pose", file, "--out", tmp_path)
    torch.testing.assert_close(read_hands(tmp_path / "swap.npz"), given[[1, 0, 1]], atol=1e-5, rtol=0)
    assert not (tmp_path / "swap_hands.png").exists()
    run("edit", "mirror", "--pose", file, "--out", tmp_path)
    torch.testing.assert_close(read_hands(tmp_path / "mirror.npz")[1], pairs.mirror(given[0]), atol=1e-5, rtol=0)
    run("edit", "interpolate", "--pose", f"{file}:2", "--donor.pose", file, "--steps", 3, "--out", tmp_path)
    way = read_hands(tmp_path / "interpolate.npz")
    torch.testing.assert_close(way[[0, 4]], given[[2, 0]], atol=1e-5, rtol=0)
    torch.testing.assert_close(way[2], pairs.blend([given[2], given[0]], [1, 1]), atol=1e-4, rtol=0)


def test_variations_of_a_hand(run, random_prior, poses, hands, tmp_path):
    (_, bodies), (file, given) = poses, hands
    run("edit", "vary", "--parts", "left_thumb", "--number", 2, "--pose", file, "--out", tmp_path)
    varied = read_hands(tmp_path / "vary.npz")[1:]
    torch.testing.assert_close(varied[:, :12], given[:1, :12].expand(2, -1, -1), atol=1e-5, rtol=0)
    torch.testing.assert_close(varied[:, 15:], given[:1, 15:].expand(2, -1, -1), atol=1e-5, rtol=0)
    assert ((varied[:, 12:15] - given[0, 12:15]).abs().amax((1, 2)) > 0.05).all()
    np.testing.assert_array_equal(arrays(tmp_path / "vary.npz")["body_pose"], bodies[[0, 0, 0]])


def test_poses_without_hands(run, refused, random_prior, poses, hands, tmp_path):
    file, _ = poses
    run("edit", "mirror", "--pose", file, "--out", tmp_path)
    assert sorted(arrays(tmp_path / "mirror.npz")) == ["body_pose", "energy", "name"]
    swap = ["edit", "swap", "--parts", "left_hand", "--pose", hands[0], "--donor.pose"]
    assert "the donor has no hands: give a file with hands" in refused(*swap, file, "--out", tmp_path)
    assert "there is no part 'left_indx' (did you mean left_index?)" in refused(*swap[:3], "left_indx")


def test_mirror(run, random_prior, poses, tmp_path):
    file, values = poses
    run("edit", "mirror", "--pose", file, "--out", tmp_path)
    np.testing.assert_allclose(arrays(tmp_path / "mirror.npz")["body_pose"][1], edits.mirror(values[0]), atol=1e-5)


def test_interpolate(run, random_prior, poses, tmp_path):
    file, values = poses
    run("edit", "interpolate", "--pose", file, "--donor.pose", f"{file}:1", "--steps", 3, "--out", tmp_path)
    written = arrays(tmp_path / "interpolate.npz")
    assert written["name"].tolist() == ["start: poses 0", "0 %", "50 %", "100 %", "end: poses 1"]
    way = edits.interpolate(values[0], values[1], 3, model=random_prior.model)
    np.testing.assert_allclose(written["body_pose"][1:-1], way, atol=1e-5)


def test_vary_is_repeatable(run, random_prior, poses, tmp_path):
    file, values = poses
    options = ["--parts", "legs", "--amount", 0.8, "--number", 2, "--pose", file]
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        run("edit", "vary", *options, "--seed", seed, "--out", tmp_path / folder)
    sheets = [(tmp_path / folder / "vary.png").read_bytes() for folder in "abc"]
    assert sheets[0] == sheets[1] != sheets[2]
    varied = arrays(tmp_path / "a" / "vary.npz")["body_pose"][1:]
    assert varied.shape == (2, 21, 3)
    above = edits.joints_of("upper_body")
    np.testing.assert_allclose(varied[:, above], values[0, above].expand(2, -1, -1), atol=1e-4)


def tinted(file):
    """Whether each body of a row has pixels more red than blue."""
    with Image.open(file) as picture:
        assert picture.mode == "RGB"
        values = np.asarray(picture).astype(int)
    bodies, _ = ndimage.label((np.ptp(values, axis=-1) > 25).any(axis=0))
    coral = values[..., 0] > values[..., 2] + 20
    return [bool(coral[:, columns].any()) for (columns,) in ndimage.find_objects(bodies)]


def test_edited_parts_are_tinted_in_results_only(run, random_prior, poses, tmp_path):
    file, _ = poses
    run("edit", "swap", "--parts", "right_leg", "--pose", file, "--out", tmp_path)
    run("edit", "mirror", "--pose", file, "--out", tmp_path)
    assert tinted(tmp_path / "swap.png") == [False, True, True]
    assert tinted(tmp_path / "mirror.png") == [False, False]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["swap", "--parts", "left_wing"], "there is no part 'left_wing'"),
        (["swap", "--parts"], "no part is named"),
        (["swap", "--pose", "absent.npz"], "there is no pose file absent.npz"),
        (["mirror", "--pose", "absent.npz:3"], "there is no pose file absent.npz"),
        (["mirror", "--sample", "-1"], "a seed must be an integer"),
        (["interpolate", "--steps", "1"], "at least 2 steps"),
        (["vary", "--amount", "1.5"], "the amount from 0 to 1"),
        (["vary", "--number", "0"], "n must be at least 1"),
    ],
)
def test_wrong_input_is_reported_in_one_line(refused, random_prior, tmp_path, arguments, message):
    assert message in refused("edit", *arguments, "--out", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_pose_number_beyond_the_file_is_rejected(refused, random_prior, poses, tmp_path):
    file, _ = poses
    assert "has no pose 3: it has 3 poses, counted from 0" in refused("edit", "mirror", "--pose", f"{file}:3")
    assert "there is no pose file" in refused("edit", "mirror", "--pose", f"{file}:-1")
    (tmp_path / "text.npz").write_text("no poses")
    assert "expected an npz archive" in refused("edit", "mirror", "--pose", tmp_path / "text.npz")


@pytest.mark.parametrize("demo", [edit, complete])
def test_the_help_names_the_parts(demo):
    text, _, hands = demo.__doc__.partition("Parts:")[2].replace("\n", " ").partition("Parts of hands:")
    named = {part.strip(" .:") for part in text.replace("and the joints:", "").split(",")} - {""}
    limbs = {part for part in BODY_PARTS if part not in BODY_JOINT_NAMES or part == "head"}
    assert limbs <= named <= set(BODY_PARTS)
    if demo is edit:
        of_hands = hands.partition(";")[0].replace("and the joints:", "").split(",")
        assert {"left_hand", "left_index1"} <= {part.strip(" .") for part in of_hands} - {""} <= {*HAND_PARTS}


def test_edits_have_the_names_of_the_operations():
    for name in ("swap", "mirror", "interpolate", "vary"):
        assert callable(getattr(edit, name))
        assert callable(getattr(edits, name))
