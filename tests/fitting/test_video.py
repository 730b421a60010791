import cv2
import numpy as np
import pytest
from PIL import Image

from fitting.images import read_image
from fitting.video import even, open_video, writing_video
from qposer.assets import asset

SIZE = (160, 96)
FRAMES = 12


@pytest.fixture(scope="module")
def frames():
    """Smooth pictures that move, so that compression hardly changes them."""
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


def test_what_is_written_is_read(video, frames):
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
def test_reading_begins_where_it_is_asked_to(video, folder, start):
    for path in (video, folder):
        opened = open_video(path)
        everything = list(opened.frames())
        rest = list(opened.frames(start))
        assert len(rest) == max(FRAMES - start, 0)
        assert all(np.array_equal(a, b) for a, b in zip(rest, everything[start:], strict=True))


def test_frames_a_second_may_be_given(video, folder):
    assert open_video(video, 60.0).fps == open_video(folder, 60.0).fps == 60.0


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_frames_a_second_that_are_none(video, fps):
    with pytest.raises(ValueError, match="frames a second must be a positive number"):
        open_video(video, fps)


def test_no_video(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no video"):
        open_video(tmp_path / "absent.mp4")


def test_an_empty_file(tmp_path):
    (tmp_path / "v.mp4").touch()
    with pytest.raises(ValueError, match=r"empty \(0 bytes\), not a video"):
        open_video(tmp_path / "v.mp4")


@pytest.mark.parametrize("content", [b"no video " * 1000, b"\x00\x00\x00\x18ftypmp42" + bytes(500)])
def test_files_that_cannot_be_read(tmp_path, content, capfd):
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(ValueError, match=r"no frame of .*v\.mp4 can be read: .*convert it"):
        open_video(tmp_path / "v.mp4")
    assert capfd.readouterr().err == ""


def test_a_folder_without_images(tmp_path):
    with pytest.raises(ValueError, match="holds no images"):
        open_video(tmp_path)


def test_frames_of_another_size(folder):
    Image.new("RGB", (50, 50)).save(folder / "zzz.png")
    with pytest.raises(ValueError, match=rf"frame {FRAMES} of .* is 50 x 50 pixels, and the first 160 x 96"):
        list(open_video(folder).frames())


def test_a_video_that_is_not_finished_leaves_nothing(tmp_path, frames):
    def stopped():
        with writing_video(tmp_path / "v.mp4", 25.0, SIZE) as writer:
            writer.write(frames[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_lacks_frames_is_told(tmp_path, frames):
    def short():
        with writing_video(tmp_path / "v.mp4", 25.0, SIZE) as writer:
            writer.write(frames[0])
            writer.written += 1

    with pytest.raises(OSError, match=r"could not be written: 1 of 2 frames: is the disk full\?"):
        short()
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_size_is_not_written(tmp_path, frames):
    with writing_video(tmp_path / "v.mp4", 25.0, SIZE) as writer:
        writer.write(frames[0])
        with pytest.raises(ValueError, match="frames of this video are 160 x 96"):
            writer.write(frames[0][:50])


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises((NotADirectoryError, FileExistsError)), writing_video(tmp_path / "file" / "v.mp4", 25.0, SIZE):
        pass


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 6), (4, 7), (5, 7)])
def test_even_sizes(height, width):
    picture = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    cut = even(picture)
    assert cut.shape == (4, 6, 3)
    assert np.array_equal(cut, picture[:4, :6])
