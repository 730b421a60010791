import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import fitting
from fitting.inputs.images import read_image
from fitting.video.frames import even, open_video, writing_video
from qposer.io.assets import asset

SIZE = (160, 96)
FRAMES = 12


@pytest.fixture(scope="module")
def frames():
    """Smooth moving pictures, which compression hardly changes."""
    photo = cv2.GaussianBlur(cv2.resize(read_image(asset("walk_side.jpg")).rgb, (320, 192)), (0, 0), 6)
    return [np.ascontiguousarray(photo[4 * k : 4 * k + 96, 8 * k : 8 * k + 160]) for k in range(FRAMES)]


@pytest.fixture
def video(tmp_path, frames):
    with writing_video(tmp_path / "v.mp4", 25.0, SIZE) as writer:
        for frame in frames:
            writer.write(frame)
    return tmp_path / "v.mp4"


@pytest.fixture
def folder(tmp_path, frames):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number:03d}.png")
    (folder / "notes.txt").write_text("no frame")
    return folder


def test_written_frames_are_read_back(video, frames):
    opened = open_video(video)
    assert (opened.width, opened.height) == SIZE
    assert opened.fps == pytest.approx(25.0)
    assert opened.count == FRAMES
    read = list(opened.frames())
    assert len(read) == FRAMES
    for got, given in zip(read, frames, strict=True):
        assert np.abs(got.astype(int) - given).mean() < 6


def test_frames_of_a_folder_come_by_name(folder, frames):
    opened = open_video(folder)
    assert (opened.width, opened.height, opened.count, opened.fps) == (*SIZE, FRAMES, 30.0)
    assert all(np.array_equal(got, given) for got, given in zip(opened.frames(), frames, strict=True))


@pytest.mark.parametrize("start", [0, 5, FRAMES - 1, FRAMES, FRAMES + 9])
def test_reading_starts_at_the_given_frame(video, folder, start):
    for path in (video, folder):
        opened = open_video(path)
        everything = list(opened.frames())
        rest = list(opened.frames(start))
        assert len(rest) == max(FRAMES - start, 0)
        assert all(np.array_equal(a, b) for a, b in zip(rest, everything[start:], strict=True))


def test_an_absurd_focal_length_of_a_folder_is_ignored_with_a_warning(tmp_path, frames):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 65535  # FocalLengthIn35mmFilm
    Image.fromarray(frames[0]).save(tmp_path / "0.jpg", exif=exif)
    opened = open_video(tmp_path)
    assert opened.focal_px is None
    assert opened.focal_warning == read_image(tmp_path / "0.jpg").focal_warning is not None


def test_the_frame_rate_may_be_given(video, folder):
    assert open_video(video, 60.0).fps == open_video(folder, 60.0).fps == 60.0


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_invalid_frame_rates_are_rejected(video, fps):
    with pytest.raises(ValueError, match="frames per second must be a positive number"):
        open_video(video, fps)


def test_a_missing_video_is_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no video"):
        open_video(tmp_path / "absent.mp4")


def test_an_empty_file(tmp_path):
    (tmp_path / "v.mp4").touch()
    with pytest.raises(ValueError, match=r"empty \(0 bytes\), not a video"):
        open_video(tmp_path / "v.mp4")


@pytest.mark.parametrize("content", [b"no video " * 1000, b"\x00\x00\x00\x18ftypmp42" + bytes(500)])
def test_unreadable_files_are_reported(tmp_path, content, capfd):
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(ValueError, match=r"no frame of .*v\.mp4 can be read: .*convert it"):
        open_video(tmp_path / "v.mp4")
    assert capfd.readouterr().err == ""


def test_a_folder_without_images(tmp_path):
    with pytest.raises(ValueError, match="contains no images"):
        open_video(tmp_path)


def test_frames_of_another_size(folder):
    Image.new("RGB", (50, 50)).save(folder / "zzz.png")
    with pytest.raises(ValueError, match=rf"frame {FRAMES} of .* is 50 x 50 pixels, but the first 160 x 96"):
        list(open_video(folder).frames())


def test_an_unfinished_video_leaves_nothing(tmp_path, frames):
    def stopped():
        with writing_video(tmp_path / "v.mp4", 25.0, SIZE) as writer:
            writer.write(frames[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_lacks_frames_is_reported(tmp_path, frames):
    def short():
        with writing_video(tmp_path / "v.mp4", 25.0, SIZE) as writer:
            writer.write(frames[0])
            writer.written += 1

    with pytest.raises(OSError, match=r"only 1 of 2 frames were written"):
        short()
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_size_is_not_written(tmp_path, frames):
    with writing_video(tmp_path / "v.mp4", 25.0, SIZE) as writer:
        writer.write(frames[0])
        with pytest.raises(ValueError, match="frames of this video are 160 x 96"):
            writer.write(frames[0][:50])


def test_a_failed_write_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises((NotADirectoryError, FileExistsError)), writing_video(tmp_path / "file" / "v.mp4", 25.0, SIZE):
        pass


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 6), (4, 7), (5, 7)])
def test_even_sizes(height, width):
    picture = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    cut = even(picture)
    assert cut.shape == (4, 6, 3)
    assert np.array_equal(cut, picture[:4, :6])


def test_frames_come_with_their_times(video, folder):
    for path in (video, folder):
        opened = open_video(path)
        times = [seconds for seconds, _ in opened.timed_frames(3)]
        assert times == pytest.approx([number / opened.fps for number in range(3, FRAMES)], abs=1e-3)
    assert [seconds for seconds, _ in open_video(video, 10.0).timed_frames()][:3] == pytest.approx([0.0, 0.1, 0.2])


@pytest.mark.parametrize(
    ("pixels", "orientation", "width"),
    [((3, 2), 0, 240), ((1, 2), 0, 80), ((3, 2), 90, 107), ((0, 1), 0, 160), ((100, 1), 0, 160), ((1, 1), 0, 160)],
)
def test_pixels_become_square(video, monkeypatch, pixels, orientation, width):
    capture = cv2.VideoCapture
    reported = {
        cv2.CAP_PROP_SAR_NUM: pixels[0],
        cv2.CAP_PROP_SAR_DEN: pixels[1],
        cv2.CAP_PROP_ORIENTATION_META: orientation,
    }

    class Reported:  # a subclass would be freed wrongly by OpenCV, and corrupt the memory of this process
        def __init__(self, *arguments):
            self.capture = capture(*arguments)

        def __getattr__(self, name):
            return getattr(self.capture, name)

        def get(self, what):
            return reported.get(what, self.capture.get(what))

    monkeypatch.setattr(cv2, "VideoCapture", Reported)
    opened = open_video(video)
    assert (opened.width, opened.height) == (width, 96)
    assert next(opened.frames()).shape == (96, width, 3)


def test_ffmpeg_is_silent_also_between_calls(tmp_path):
    """Its threads write to stderr even after a call has returned."""
    path = tmp_path / "damaged.mp4"
    with writing_video(path, 12.0, (64, 48)) as writer:
        for step in range(6):
            writer.write(np.random.default_rng(step).integers(0, 255, (48, 64, 3), dtype=np.uint8))
    content = path.read_bytes()
    first = content.index(b"mdat") + 8
    path.write_bytes(content[:first] + b"\xff" * 40 + content[first + 40 :])
    root = Path(fitting.__file__).parents[1]

    def reported(first):
        script = f"{first}; import cv2, sys; cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG).read()"
        line = [sys.executable, "-c", script, str(path)]
        plain = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV")}
        return subprocess.run(line, capture_output=True, text=True, check=True, cwd=root, env=plain).stderr

    assert "damaged" in reported("pass")
    assert reported("import fitting.video.frames") == ""
