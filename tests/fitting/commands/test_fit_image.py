import dataclasses
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
import trimesh
import tyro
from PIL import Image, ImageOps

import qposer.io.assets
from fitting.body.body import Body
from fitting.commands import fit_image
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS
from fitting.output import exports
from fitting.output.fit_result import FitResult
from fitting.output.results import read_result
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.io.assets import asset
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser

ROOT = Path(__file__).resolve().parents[3]
PHOTO = ROOT / "assets" / "walk_side.jpg"
FILES = ["fit.json", "fit.npz", "keypoints.png", "mesh.obj", "overlay.png", "side.png"]


@dataclasses.dataclass(frozen=True)
class Run:
    folder: Path
    result: FitResult
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The shipped photo, fitted by the users' command."""
    out = tmp_path_factory.mktemp("fitted")
    command = [sys.executable, ROOT / "demos" / "fit_image.py", PHOTO, "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=out)
    folder = out / "walk_side" / "person0"
    return Run(folder, read_result(folder), done.stdout, done.stderr)


@pytest.fixture(scope="module")
def landmarks(fitted):
    """Landmarks of the body in the files, in camera space: (33, 3)."""
    return points_of(fitted.result)


def points_of(result):
    parameters = (result.global_orient, result.body_pose, result.betas, result.transl)
    tensors = (torch.from_numpy(value)[None] for value in parameters)
    return Body.open().landmarks(*tensors, format=result.keypoints.format)[0]


def index(name):
    return FORMATS["mediapipe"].names.index(name)


def joint(result, name):
    return np.degrees(result.body_pose[BODY_JOINT_NAMES.index(name)])


def keypoint_file(path, people=1, change=lambda rows: rows):
    """OpenPose JSON of standing people in a picture of 400 x 400 pixels, the last one largest."""
    names = FORMATS["openpose"].names
    side = {"left": 1.0, "right": -1.0}
    places = {
        "nose": (0, 60), "neck": (0, 100), "mid_hip": (0, 200), "shoulder": (30, 100), "elbow": (40, 150),
        "wrist": (45, 195), "hip": (18, 200), "knee": (20, 270), "ankle": (20, 335), "eye": (6, 55), "ear": (13, 58),
        "big_toe": (24, 350), "small_toe": (34, 347), "heel": (20, 342),
    }  # fmt: skip
    rows = []
    for name in names:
        first, _, rest = name.partition("_")
        x, y = places[rest] if first in side else places[name]
        rows.append([200 + side.get(first, 0.0) * x, y, 1.0])
    standing = np.array(rows)
    content = []
    for person in range(people):
        scaled = standing * [0.5 + 0.5 * (person + 1) / people, 0.5 + 0.5 * (person + 1) / people, 1.0]
        content.append({"pose_keypoints_2d": change(scaled).ravel().tolist()})
    path.write_text(json.dumps({"people": content}))
    return path


@pytest.fixture
def blank(tmp_path):
    path = tmp_path / "blank.png"
    Image.new("RGB", (400, 400), "grey").save(path)
    return path


@pytest.fixture
def refused(tmp_path, capsys):
    """Run the demo on bad input and return its one-line error; nothing else is printed or written."""

    def run(photo, **options):
        out = options.pop("out", tmp_path / "out")
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as stopped:
            fit_image.main(photo, out=out, **options)
        printed = capsys.readouterr()
        assert stopped.value.code == 2
        assert printed.err.startswith("fit_image: ")
        assert printed.err.count("\n") == 1
        assert printed.err.endswith("\n")
        assert printed.out == ""
        assert sorted(tmp_path.rglob("*")) == before
        return printed.err

    return run


# The shipped photo


def test_all_files_are_written_and_nothing_else(fitted):
    assert sorted(path.name for path in fitted.folder.iterdir()) == FILES
    assert [path.name for path in fitted.folder.parent.iterdir()] == ["person0"]


def test_a_short_summary_is_printed(fitted):
    first, second, third, last = fitted.stdout.splitlines()
    result = fitted.result
    assert first.startswith(f"{fitted.folder}: 2D error {result.reprojection_error_px:.1f} px")
    assert f"({result.reprojection_error_percent:.1f} % of the person's height)" in first
    assert first.endswith(" m from the camera")
    assert second.startswith("  good; standard deviation of the joints ")
    shares = [float(share) for share in re.findall(r"(\d+)%", third)]
    assert third.startswith("  probability of this body ")
    assert len(shares) == 1 + len(result.alternatives)
    assert sum(shares) == pytest.approx(100, abs=3)
    assert last.endswith(f"overlay: {fitted.folder / 'overlay.png'}")
    assert "Traceback" not in fitted.stderr


def test_the_body_is_on_the_person(fitted, landmarks):
    result = fitted.result
    assert result.reprojection_error_percent < 2.5
    seen = result.keypoints.seen[0]
    projected = Camera.for_image(1768, 994, result.focal).project(landmarks[None])[0].numpy()
    distance = np.linalg.norm(projected - result.keypoints.xy[0], axis=-1)[seen]
    weighted = np.average(distance, weights=result.keypoints.confidence[0, seen])
    assert weighted == pytest.approx(result.reprojection_error_px, abs=0.05)
    assert distance.max() < 0.15 * result.person_height_px
    _, top, _, bottom = result.keypoints.boxes[0]
    assert result.person_height_px == pytest.approx(bottom - top, rel=0.25)
    assert 2 < result.transl[2] < 20


def test_knees_and_elbows_bend_the_right_way(fitted):
    """SMPL's knees bend about +x, the left elbow about -y, the right one about +y; twists about the limb are free."""
    for name, axis, along, sign in (("knee", 0, 1, {"left": 1, "right": 1}), ("elbow", 1, 0, {"left": -1, "right": 1})):
        for side in ("left", "right"):
            bend = joint(fitted.result, f"{side}_{name}").copy()
            bend[along] = 0
            assert sign[side] * bend[axis] > -15
            if np.linalg.norm(bend) > 30:
                assert sign[side] * bend[axis] > 0.5 * np.linalg.norm(bend)


def test_the_head_looks_where_the_face_does(fitted, landmarks):
    xy, points = fitted.result.keypoints.xy[0], landmarks.numpy()

    def to_the_nose(values):
        return values[index("nose")] - (values[index("left_ear")] + values[index("right_ear")]) / 2

    expected, found = to_the_nose(xy), to_the_nose(points)[:2]
    cosine = expected @ found / np.linalg.norm(expected) / np.linalg.norm(found)
    assert cosine > math.cos(math.radians(45))


def test_the_body_faces_where_its_head_does(fitted, landmarks):
    """The person walks across the picture: chest and nose point in the same direction."""
    forward = axis_angle_to_matrix(torch.from_numpy(fitted.result.global_orient)) @ torch.tensor([0.0, 0.0, 1.0])
    ears = (landmarks[index("left_ear")] + landmarks[index("right_ear")]) / 2
    assert forward @ (landmarks[index("nose")] - ears) > 0


def test_the_files_agree(fitted):
    with np.load(fitted.folder / "fit.npz", allow_pickle=False) as file:
        arrays = dict(file)
    readable = json.loads((fitted.folder / "fit.json").read_text())
    assert arrays["body_pose"].shape == (21, 3)
    assert arrays["codes"].shape == (21, QPoser.from_pretrained().config.heads)
    for name in ("global_orient", "body_pose", "betas", "transl", "codes", "focal", "reprojection_error_px"):
        np.testing.assert_allclose(readable[name], arrays[name], rtol=1e-6)
    assert readable["settings"] == json.loads(str(arrays["settings"]))


def test_the_mesh_is_the_body_upright(fitted):
    mesh = trimesh.load(fitted.folder / "mesh.obj", process=False)
    result = fitted.result
    parameters = (result.global_orient, result.body_pose, result.betas, result.transl)
    fingers = torch.from_numpy(result.hands.both)[None]
    body = Body.open(hands=True)
    expected = body(*(torch.from_numpy(value)[None] for value in parameters), hand_pose=fingers).vertices[0].numpy()
    np.testing.assert_allclose(mesh.vertices * [1, -1, -1], expected, atol=1e-4)


def test_the_pictures_show_the_body_and_the_keypoints(fitted):
    left, top, right, bottom = (fitted.result.keypoints.boxes[0] * 1600 / 1768).astype(int)
    photo = Image.open(PHOTO).convert("RGB").resize((1600, 900), Image.Resampling.BOX)
    for name in ("overlay", "keypoints"):
        picture = Image.open(fitted.folder / f"{name}.png")
        assert picture.size == (1600, 900)
        changed = np.abs(np.int16(picture) - np.int16(photo)).max(-1) > 40
        inside = changed[top:bottom, left:right].sum()
        assert inside > 0.02 * (bottom - top) * (right - left)
        assert changed.sum() < 1.5 * inside
    side = np.array(Image.open(fitted.folder / "side.png"))
    assert 0.02 < (np.ptp(side, axis=-1) > 8).mean() < 0.8


# Pictures of all kinds


@pytest.fixture(scope="module")
def picture():
    """The photo at half its size."""
    return Image.open(PHOTO).convert("RGB").resize((884, 497))


def grey(picture, path):
    picture.convert("L").save(path.with_suffix(".png"))
    return path.with_suffix(".png"), 0.5


def alpha(picture, path):
    picture.convert("RGBA").save(path.with_suffix(".png"))
    return path.with_suffix(".png"), 0.5


def rotated(picture, path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    picture.transpose(Image.Transpose.ROTATE_90).save(path.with_suffix(".jpg"), exif=exif, quality=95)
    assert ImageOps.exif_transpose(Image.open(path.with_suffix(".jpg"))).size == picture.size
    return path.with_suffix(".jpg"), 0.5


def huge(picture, path):
    """50 megapixels."""
    picture.resize((9440, 5307), Image.Resampling.BILINEAR).save(path.with_suffix(".jpg"), quality=80)
    return path.with_suffix(".jpg"), 9440 / 1768


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", [grey, alpha, rotated, huge])
def test_pictures_of_all_kinds_are_fitted_in_original_pixels(tmp_path, fitted, picture, kind):
    photo, scale = kind(picture, tmp_path / kind.__name__)
    fit_image.main(photo, out=tmp_path)
    result = read_result(tmp_path / kind.__name__ / "person0")
    assert result.image_size.tolist() == pytest.approx([1768 * scale, 994 * scale], abs=2)
    both = result.keypoints.seen[0] & fitted.result.keypoints.seen[0]
    assert both.sum() > 25
    distance = np.linalg.norm(result.keypoints.xy[0] / scale - fitted.result.keypoints.xy[0], axis=-1)[both]
    assert np.median(distance) < 0.03 * fitted.result.person_height_px
    assert result.focal == pytest.approx(fitted.result.focal * scale, rel=0.01)
    assert result.person_height_px == pytest.approx(fitted.result.person_height_px * scale, rel=0.2)


# Options


@pytest.mark.usefixtures("quick")
def test_people_of_a_keypoint_file_come_largest_first(tmp_path, blank, capsys):
    given = keypoint_file(tmp_path / "k.json", people=3)
    fit_image.main(blank, out=tmp_path / "[out]", keypoints=given, people=2, focal=500.0, seed=3)
    folders = sorted((tmp_path / "[out]" / "blank").iterdir())
    assert [folder.name for folder in folders] == ["person0", "person1"]
    results = [read_result(folder) for folder in folders]
    assert results[0].person_height_px > results[1].person_height_px
    assert results[0].keypoints.format == "openpose"
    assert {result.focal for result in results} == {500.0}
    assert results[0].settings["seed"] == 3
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert [line.partition(": 2D")[0] for line in lines if ": 2D" in line] == [str(folder) for folder in folders]
    assert len(lines) == 7
    assert printed.err == ""


def test_a_fit_begins_with_the_body_of_a_file(tmp_path, fitted, capsys):
    """The command's own result with an elbow bent: the other joints stay."""
    pose = fitted.result.body_pose.copy()
    pose[BODY_JOINT_NAMES.index("left_elbow")] += [0.0, 0.7, 0.0]
    arrays = {"global_orient": fitted.result.global_orient, "betas": fitted.result.betas, "body": "open"}
    np.savez(tmp_path / "start.npz", body_pose=pose, **arrays)
    fit_image.main(PHOTO, out=tmp_path / "out", start=tmp_path / "start.npz", hands=False)
    assert "rotated from the start, in degrees: left_elbow" in capsys.readouterr().out
    folder = tmp_path / "out" / "walk_side" / "person0"
    moved = json.loads((folder / "fit.json").read_text())["moved_from_start_degrees"]
    assert next(iter(moved)) == "left_elbow"
    arms = [BODY_JOINT_NAMES.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("elbow", "wrist")]
    others = np.delete(read_result(folder).body_pose - fitted.result.body_pose, arms, 0)
    assert np.degrees(np.abs(others).max()) < 15


def test_the_choice_of_exports_is_that_of_the_fitter():
    assert get_args(fit_image.Export) == get_args(exports.Export)


@pytest.mark.usefixtures("quick")
def test_requested_formats_are_exported(tmp_path, blank):
    given = keypoint_file(tmp_path / "k.json", people=2)
    fit_image.main(blank, out=tmp_path / "out", keypoints=given, people=2, export=("glb", "html", "smplx-pkl"))
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert [name for name in written if not name.startswith("blank/person")] == [
        "blank/view.html", "meshes/blank/000.obj", "meshes/blank/001.obj",
        "results/blank/000.pkl", "results/blank/001.pkl",
    ]  # fmt: skip
    assert (tmp_path / "out" / "blank" / "person1" / "mesh.glb").is_file()
    assert not (tmp_path / "out" / "blank" / "person1" / "mesh.obj").exists()


def test_help_lists_every_option(capsys):
    with pytest.raises(SystemExit) as stopped:
        tyro.cli(fit_image.main, args=["--help"], description=fit_image.__doc__)
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    options = ("--out", "--body", "--keypoints", "--people", "--focal", "--residual", "--seed", "--export", "--device")
    for option in options:
        assert option in text
    assert "fit.npz" in text


# Bad input


def test_a_photo_without_people_gives_an_error(refused, blank):
    reported = refused(blank)
    assert "no person was found in the photo of 400 x 400 pixels" in reported
    assert "people below about 60 pixels are too small: crop it" in reported


def test_no_file(refused, tmp_path):
    assert "there is no image file" in refused(tmp_path / "absent.jpg")
    assert "is a folder" in refused(tmp_path)


def test_an_empty_file(refused, tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert "is empty (0 bytes), not an image: give" in refused(tmp_path / "empty.jpg")


def test_other_files_are_rejected_as_images(refused, tmp_path):
    (tmp_path / "text.jpg").write_text("not a picture " * 100)
    assert "is not a readable image: give" in refused(tmp_path / "text.jpg")


def test_a_truncated_jpeg(refused, tmp_path):
    (tmp_path / "cut.jpg").write_bytes(PHOTO.read_bytes()[:200_000])
    assert "is damaged or truncated: copy or export it again" in refused(tmp_path / "cut.jpg")


def test_a_long_name_does_not_break_the_line(refused, tmp_path):
    folder = tmp_path / ("long name [red] " * 8)
    folder.mkdir()
    assert str(folder / "absent.jpg") in refused(folder / "absent.jpg")


def nan(rows):
    rows[3, 0] = np.nan
    return rows


def unsure(rows):
    rows[:, 2] = 0.0
    return rows


def few(rows):
    rows[3:, 2] = 0.0
    return rows


def far(rows):
    rows[:, :2] += 5000
    return rows


def normalised(rows):
    rows[:, :2] /= 400
    return rows


BAD_KEYPOINTS = {
    nan: "NaN, infinite or huge coordinates but confidence 1.00: give coordinates",
    unsure: "person 0 has 0 keypoints with confidence above 0.1 (none), but 4 are required: omit",
    few: "person 0 has 3 keypoints with confidence above 0.1 (nose, neck, right_shoulder), but 4 are required: omit",
    far: "most keypoints of person 0 lie outside the 400 x 400 image: give",
    normalised: "no coordinate is above 0.88: give pixels, not fractions of the image size",
}


@pytest.mark.parametrize("change", BAD_KEYPOINTS)
def test_bad_keypoints(refused, tmp_path, blank, change):
    given = keypoint_file(tmp_path / "k.json", change=change)
    assert BAD_KEYPOINTS[change] in refused(blank, keypoints=given)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"people": []}', '{"people": [{"pose_keypoints_2d": [1, 2]}]}'])
def test_an_invalid_keypoint_file_is_reported(refused, tmp_path, blank, content):
    (tmp_path / "k.json").write_text(content)
    assert "k.json: " in refused(blank, keypoints=tmp_path / "k.json")


def test_no_keypoint_file(refused, tmp_path, blank):
    assert "there is no keypoint file" in refused(blank, keypoints=tmp_path / "absent.json")


@pytest.mark.parametrize("suffix", [".npz", ".pkl", ".txt"])
def test_invalid_body_files_are_rejected(refused, tmp_path, blank, suffix):
    path = tmp_path / f"body{suffix}"
    path.write_bytes(b"not a body")
    given = keypoint_file(tmp_path / "k.json")
    assert f"body file {path} is not " in refused(blank, keypoints=given, body=path)


def test_no_body_file(refused, tmp_path, blank):
    assert "there is no body file" in refused(blank, body=tmp_path / "absent.npz")


@pytest.fixture
def own_assets(tmp_path, monkeypatch):
    """A copy of the shipped files to damage."""
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in ("body.npz", "qposer.safetensors", "codeprior.safetensors"):
        shutil.copy(asset(name), folder)
    monkeypatch.setattr(qposer.io.assets, "ASSETS", folder)
    return folder


def test_truncated_weights_are_rejected(refused, own_assets, blank):
    path = own_assets / "qposer.safetensors"
    path.write_bytes(path.read_bytes()[:100_000])
    assert f"{path} is not a safetensors file" in refused(blank)


def test_weights_that_contradict_their_configuration_are_rejected(refused, own_assets, blank):
    model = QPoser.from_pretrained()
    model.config = dataclasses.replace(model.config, width=2 * model.config.width)
    model.save(own_assets / "qposer.safetensors")
    assert "contains weights that do not match its configuration" in refused(blank)


def test_a_prior_of_another_model(refused, own_assets, blank):
    CodePriorNetwork(CodePriorConfig(latent_dim=5, width=32, depth=1)).save(own_assets / "codeprior.safetensors")
    assert "the code prior has 21 x 5 latents" in refused(blank)


def test_missing_weights(refused, own_assets, blank):
    (own_assets / "codeprior.safetensors").unlink()
    assert "the shipped file codeprior.safetensors is not in" in refused(blank)


@pytest.mark.usefixtures("quick")
def test_an_output_folder_that_cannot_be_made(refused, tmp_path, blank):
    (tmp_path / "file").touch()
    given = keypoint_file(tmp_path / "k.json")
    assert str(tmp_path / "file") in refused(blank, keypoints=given, out=tmp_path / "file")


@pytest.mark.usefixtures("quick")
def test_an_output_folder_that_holds_something_else(refused, tmp_path, blank):
    (tmp_path / "out" / "blank" / "person0").mkdir(parents=True)
    given = keypoint_file(tmp_path / "k.json")
    assert "exists and does not contain a fit: move it" in refused(blank, keypoints=given)


@pytest.mark.parametrize("people", [0, -1])
def test_requests_for_zero_people_are_rejected(refused, blank, people):
    assert f"the number of people must be at least 1, not {people}" in refused(blank, people=people)


def test_a_focal_length_in_millimetres(refused, tmp_path, blank):
    given = keypoint_file(tmp_path / "k.json")
    assert "no camera has a focal length of 25 pixels" in refused(blank, keypoints=given, focal=25.0)


@pytest.mark.parametrize("focal", [0.0, -5.0, math.nan, math.inf])
def test_invalid_focal_lengths_are_rejected(refused, tmp_path, blank, focal):
    given = keypoint_file(tmp_path / "k.json")
    assert "a focal length must be a positive number of pixels" in refused(blank, keypoints=given, focal=focal)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_reported(refused, blank):
    assert "this PyTorch finds no CUDA device" in refused(blank, device="cuda")


@pytest.mark.usefixtures("quick")
def test_the_printed_time_is_that_of_the_process(tmp_path, monkeypatch, capsys, blank):
    monkeypatch.setattr(fit_image, "seconds_since_start", lambda: 42.04)
    fit_image.main(blank, out=tmp_path / "out", keypoints=keypoint_file(tmp_path / "k.json"))
    assert capsys.readouterr().out.splitlines()[-1].startswith("42.0 s; overlay: ")
