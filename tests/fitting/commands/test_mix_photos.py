import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fitting.commands import mix_photos, references
from fitting.commands.references import Taking, mix, takings
from fitting.hands.files import hand_arrays, read_hands
from fitting.output.results import read_result
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, BODY_PARTS
from qposer.control import edits
from qposer.control.whole_pose import WholePose
from qposer.hands import pairs
from qposer.io.assets import asset

PHOTO = Path(asset("walk_side.jpg"))


def arrays(path):
    with np.load(path) as file:
        return dict(file)


@pytest.fixture
def poses(tmp_path):
    """A file with three poses."""
    values = 0.3 * np.random.default_rng(0).normal(size=(3, 21, 3)).astype(np.float32)
    np.savez(tmp_path / "poses.npz", poses=values.reshape(3, 63))
    return tmp_path / "poses.npz", torch.from_numpy(values)


def colours(picture):
    """Whether the picture contains blue, coral and green."""
    red, green, blue = np.moveaxis(np.asarray(picture).astype(int), -1, 0)
    return [
        bool((np.minimum(blue - red, green - red) > 20).any()),
        bool((np.minimum(red - blue, red - green) > 30).any()),
        bool((np.minimum(green - red, green - blue) > 20).any()),
    ]


def test_arms_of_a_saved_pose(run, random_prior, poses, tmp_path):
    file, values = poses
    said = run("mix_photos", f"{file}:1", f"{file}:2", "--take", "arms", "--from", "B", "--out", tmp_path / "out")
    assert f"picture: {tmp_path / 'out' / 'mix.png'}" in said
    written = arrays(tmp_path / "out" / "mix.npz")
    assert written["name"].tolist() == ["A: poses 1", "B: poses 2", "mixture"]
    expected = edits.swap(values[1], values[2], "arms", model=random_prior.model)
    np.testing.assert_allclose(written["body_pose"], torch.stack([values[1], values[2], expected]), atol=1e-5)
    energy = random_prior.energy(torch.from_numpy(written["body_pose"]))
    np.testing.assert_allclose(written["energy"], energy, rtol=1e-4, atol=1e-4)


def test_the_default_takes_the_arms_of_b(run, random_prior, poses, tmp_path):
    file, values = poses
    run("mix_photos", file, f"{file}:1", "--out", tmp_path)
    expected = edits.swap(values[0], values[1], "arms", model=random_prior.model)
    np.testing.assert_allclose(arrays(tmp_path / "mix.npz")["body_pose"][-1], expected, atol=1e-5)


def test_weights_and_several_takings(run, random_prior, poses, tmp_path):
    file, values = poses
    taking = ["--take", "left_arm", "head", "--from", "B", "--take", "legs", "--from", "B:3", "C:1"]
    run("mix_photos", file, f"{file}:1", f"{file}:2", *taking, "--out", tmp_path)
    model = random_prior.model
    armed = edits.swap(values[0], values[1], ["left_arm", "head"], model=model)
    expected = edits.swap(armed, edits.blend(list(values[1:]), [0.75, 0.25], model=model), "legs", model=model)
    np.testing.assert_allclose(arrays(tmp_path / "mix.npz")["body_pose"][-1], expected, atol=1e-5)


def test_hands_of_saved_poses(run, refused, random_prior, poses, tmp_path):
    file, values = poses
    hands = torch.stack([0.3 * torch.randn(30, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(30, 3)])
    np.savez(tmp_path / "hands.npz", body_pose=values[:2].numpy(), **hand_arrays(hands))
    given = [f"{tmp_path / 'hands.npz'}", f"{tmp_path / 'hands.npz'}:1"]
    run("mix_photos", *given, "--take", "right_hand", "left_leg", "--from", "B", "--out", tmp_path)
    mixed = read_hands(tmp_path / "mix.npz")
    torch.testing.assert_close(mixed[:2], hands, atol=1e-5, rtol=0)
    torch.testing.assert_close(mixed[2], pairs.swap(*hands, ["right_hand"]), atol=1e-4, rtol=0)
    pose = arrays(tmp_path / "mix.npz")["body_pose"][-1]
    np.testing.assert_allclose(pose, edits.swap(values[0], values[1], "left_leg", model=random_prior.model), atol=1e-5)
    message = refused("mix_photos", *given, file, "--take", "left_index", "--from", "C", "--out", tmp_path)
    assert "reference C has no hands: omit left_index" in message


def test_each_part_has_the_colour_of_its_reference(run, random_prior, poses, tmp_path):
    file, _ = poses
    taking = ["--take", "arms", "--from", "B", "--take", "right_leg", "--from", "C"]
    run("mix_photos", file, f"{file}:1", f"{file}:2", *taking, "--out", tmp_path)
    with Image.open(tmp_path / "mix.png") as picture:
        columns = np.ptp(np.asarray(picture).astype(int), axis=-1).max(axis=0) > 25
        edges = np.flatnonzero(np.diff(np.pad(columns.astype(int), 1)))
        bodies = [picture.crop((left, 0, right, picture.height)) for left, right in edges.reshape(-1, 2)]
        assert [colours(body) for body in bodies] == [
            [True, False, False], [False, True, False], [False, False, True], [True, True, True],
        ]  # fmt: skip


def test_later_takings_hold_and_owners_follow_the_largest_weight(random_prior, poses):
    _, values = poses
    what = [Taking(["arms"], {1: 1.0}), Taking(["left_arm"], {0: 0.2, 2: 0.8})]
    mixed, owner = mix(random_prior, [WholePose(pose, torch.zeros(30, 3)) for pose in values], what)
    left, right = edits.joints_of("left_arm"), edits.joints_of("right_arm")
    assert owner == [2 if joint in left else 1 if joint in right else 0 for joint in range(51)]
    assert mixed.body.shape == (21, 3)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A photo mixed with itself and a saved pose, with the shipped weights."""
    folder = tmp_path_factory.mktemp("mixed")
    np.savez(folder / "rest.npz", body_pose=np.zeros((1, 21, 3), dtype=np.float32))
    mix_photos.main((str(PHOTO), str(folder / "rest.npz")), (("legs",),), (("B",),), out=folder)
    return folder


def test_a_photo_is_fitted_with_straight_legs(fitted):
    written = arrays(fitted / "mix.npz")
    assert written["name"].tolist() == ["A: walk_side", "B: rest 0", "mixture"]
    walking, rest, mixture = written["body_pose"]
    legs, upper = edits.joints_of("legs"), edits.joints_of("upper_body")
    assert np.linalg.norm(walking[legs], axis=-1).max() > 0.4
    assert np.degrees(np.linalg.norm(mixture[legs] - rest[legs], axis=-1)).mean() < 3.0
    assert np.degrees(np.linalg.norm(mixture[upper] - walking[upper], axis=-1)).mean() < 3.0


def test_the_row_shows_the_photo(fitted):
    with Image.open(fitted / "mix.png") as row:
        first = np.asarray(row.crop((12, 12, 212, 112))).astype(float)
    assert first.std() > 20.0  # neither paper nor a rendering


def test_keypoints_of_a_file(run, quick, poses, tmp_path):
    run("fit_image", PHOTO, "--out", tmp_path / "fit")
    keypoints = read_result(tmp_path / "fit" / "walk_side" / "person0").keypoints
    arguments = {"xy": keypoints.xy, "confidence": keypoints.confidence, "format": np.asarray(keypoints.format)}
    np.savez(tmp_path / "keypoints.npz", **arguments)
    blank = tmp_path / "blank.png"
    with Image.open(PHOTO) as photo:
        Image.new("RGB", photo.size, "grey").save(blank)
    run("mix_photos", blank, poses[0], "--keypoints", tmp_path / "keypoints.npz", "--out", tmp_path / "out")
    assert arrays(tmp_path / "out" / "mix.npz")["name"].tolist()[0] == "A: blank"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--take", "wings", "--from", "B"], "there is no part 'wings'"),
        (["--take", "arms", "--from", "C"], "there is no reference 'C': the 2 references are named A, B"),
        (["--take", "arms", "--from", "b"], "there is no reference 'b'"),
        (["--take", "arms", "--from", "B:much"], "the weight of 'B:much' must be a number above 0"),
        (["--take", "arms", "--from", "B:0"], "the weight of 'B:0'"),
        (["--take", "arms", "--from", "A:nan"], "the weight of 'A:nan'"),
        (["--take", "arms", "--from", "B", "B:2"], "reference B appears twice"),
        (["--take", "arms", "--from"], "--from names no reference"),
        (["--take", "--from", "B"], "no part is named"),
        (["--take", "arms", "--take", "legs", "--from", "B"], "needs a --from after it: got 2 --take and 1 --from"),
    ],
)
def test_invalid_parts_are_rejected_before_any_work(refused, random_prior, tmp_path, arguments, message):
    assert message in refused("mix_photos", "a.jpg", "b.jpg", *arguments, "--out", tmp_path)
    assert not list(tmp_path.iterdir())


def test_invalid_references_are_rejected(refused, random_prior, poses, tmp_path):
    file, _ = poses
    assert "a mixture needs 2 to 26 photos or poses, not 1" in refused("mix_photos", file)
    assert "there is no image file absent.jpg" in refused("mix_photos", file, "absent.jpg")
    assert "there is no pose file absent.npz" in refused("mix_photos", file, "absent.npz:2")
    assert "has no pose 9" in refused("mix_photos", file, f"{file}:9")
    message = refused("mix_photos", PHOTO, file, "--keypoints", "a.json", "b.json")
    assert "there are 1 photos and 2 keypoint files" in message
    (tmp_path / "out").write_text("a file")
    assert "is a file: give a folder as --out" in refused("mix_photos", file, file, "--out", tmp_path / "out")


def test_a_photo_without_people_is_reported(refused, poses, tmp_path):
    Image.new("RGB", (300, 300), "grey").save(tmp_path / "empty.png")
    message = refused("mix_photos", poses[0], tmp_path / "empty.png", "--out", tmp_path / "out")
    assert f"{tmp_path / 'empty.png'}: no person was found" in message
    assert not (tmp_path / "out").exists()


def test_keypoints_of_another_photo(refused, poses, tmp_path):
    Image.new("RGB", (30, 30), "grey").save(tmp_path / "small.png")
    people = [{"pose_keypoints_2d": [500.0, 500.0, 1.0] * 25}]
    (tmp_path / "keypoints.json").write_text(json.dumps({"people": people}))
    message = refused("mix_photos", tmp_path / "small.png", poses[0], "--keypoints", tmp_path / "keypoints.json")
    assert "small.png: most keypoints of person 0 lie outside" in message


def test_a_fit_is_a_saved_pose(run, random_prior, poses, tmp_path):
    file, values = poses
    shutil.copy(file, tmp_path / "FIT.NPZ")
    run("mix_photos", tmp_path / "FIT.NPZ", f"{file}:1", "--out", tmp_path)
    np.testing.assert_allclose(arrays(tmp_path / "mix.npz")["body_pose"][0], values[0], atol=1e-6)


def test_weights_are_checked_against_the_number_of_references():
    (one,) = takings([["arms"]], [["A:0.5", "C:1.5"]], 3)
    assert one.weights == {0: 0.5, 2: 1.5}
    assert one.main_source == 2
    with pytest.raises(ValueError, match="2 to 26 photos or poses, not 27"):
        takings([["arms"]], [["B"]], 27)


def test_the_help_names_the_parts():
    text = mix_photos.__doc__.partition("Parts:")[2].partition("Parts of hands:")[0].replace("\n", " ")
    named = {part.strip(" .:") for part in text.replace("and the joints:", "").split(",")} - {""}
    limbs = {part for part in BODY_PARTS if part not in BODY_JOINT_NAMES or part == "head"}
    assert limbs <= named <= set(BODY_PARTS)
    assert callable(references.load_references)
