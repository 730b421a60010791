import io
import mimetypes
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, UnidentifiedImageError

from fitting.inputs.detect import detect
from fitting.inputs.images import is_image, open_image, read_image
from qposer.io.assets import asset

RED, WHITE = (200, 30, 30), (255, 255, 255)


def two_colours(mode="RGB", width=40, height=20):
    """Left half red, right half white."""
    image = Image.new("RGB", (width, height), WHITE)
    image.paste(RED, (0, 0, width // 2, height))
    return image.convert(mode)


def exif_of(**tags):
    exif = Image.Exif()
    for name, value in tags.items():
        if name == "Orientation":
            exif[ExifTags.Base.Orientation] = value
        else:
            exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base[name]] = value
    return exif


def test_rgb_images_are_read_unchanged(tmp_path):
    two_colours().save(tmp_path / "a.png")
    photo = read_image(tmp_path / "a.png")
    assert photo.rgb.dtype == np.uint8
    assert (photo.width, photo.height) == (40, 20)
    assert tuple(photo.rgb[5, 5]) == RED
    assert tuple(photo.rgb[5, 35]) == WHITE
    assert photo.focal_px is None


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    two_colours(mode).save(path)
    photo = read_image(path)
    assert photo.rgb.shape == (20, 40, 3)
    assert tuple(photo.rgb[5, 35]) == WHITE
    assert photo.rgb[5, 5].mean() < 150


def test_transparent_becomes_white(tmp_path):
    image = two_colours("RGBA")
    image.putalpha(Image.fromarray(np.tile(np.uint8([0, 128, 255, 255]), (20, 10))))
    image.save(tmp_path / "a.png")
    rgb = read_image(tmp_path / "a.png").rgb
    assert tuple(rgb[0, 0]) == WHITE
    assert tuple(rgb[0, 1]) == pytest.approx([255 - (255 - c) * 128 / 255 for c in RED], abs=1)
    assert tuple(rgb[0, 2]) == RED


def test_a_palette_with_a_transparent_colour_becomes_white(tmp_path):
    image = two_colours("P")
    image.save(tmp_path / "a.gif", transparency=image.getpixel((0, 0)))
    assert tuple(read_image(tmp_path / "a.gif").rgb[5, 5]) == WHITE


def test_sixteen_bit_grey_keeps_its_range(tmp_path):
    Image.fromarray(np.tile(np.uint16([0, 32768, 65535]), (4, 1))).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").rgb[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(tmp_path, orientation):
    stored = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # what undoes the orientation
    image = two_colours()
    image = image if stored is None else image.transpose(Image.Transpose(stored))
    image.save(tmp_path / "a.png", exif=exif_of(Orientation=orientation))
    rgb = read_image(tmp_path / "a.png").rgb
    assert rgb.shape == (20, 40, 3)
    assert tuple(rgb[10, 5]) == RED


def test_focal_from_the_35_mm_equivalent(tmp_path):
    two_colours(width=400, height=300).save(tmp_path / "a.jpg", exif=exif_of(FocalLengthIn35mmFilm=26))
    assert read_image(tmp_path / "a.jpg").focal_px == pytest.approx(26 / np.hypot(36, 24) * 500)


def test_focal_from_the_sensor_follows_a_resized_picture(tmp_path):
    tags = {"FocalLength": 50.0, "FocalPlaneXResolution": 2000.0, "FocalPlaneResolutionUnit": 3, "ExifImageWidth": 4000}
    exif = exif_of(FocalLengthIn35mmFilm=0, ExifImageHeight=3000, **tags)
    two_colours(width=400, height=300).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").focal_px == pytest.approx(50 * 200 * 0.1)


def test_a_focal_length_without_a_sensor_is_ignored(tmp_path):
    two_colours().save(tmp_path / "a.jpg", exif=exif_of(FocalLength=4.2))
    assert read_image(tmp_path / "a.jpg").focal_px is None


@pytest.mark.parametrize(
    "tags",
    [
        {"FocalLengthIn35mmFilm": 65535},
        {"FocalLength": 4294967295, "FocalPlaneXResolution": 4294967295, "FocalPlaneResolutionUnit": 5},
        {"FocalLength": 1e-9, "FocalPlaneXResolution": 1e-9},
    ],
)
def test_an_impossible_focal_length_is_ignored_with_a_warning(tmp_path, tags):
    two_colours().save(tmp_path / "a.jpg", exif=exif_of(**tags))
    photo = read_image(tmp_path / "a.jpg")
    assert photo.focal_px is None
    assert photo.focal_warning.startswith("ignored an implausible focal length of ")
    two_colours().save(tmp_path / "a.jpg", exif=exif_of(FocalLengthIn35mmFilm=26))
    assert read_image(tmp_path / "a.jpg").focal_warning is None


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no image file"):
        read_image(tmp_path / "none.jpg")


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_an_empty_file(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match="is empty"):
        read_image(tmp_path / name)


def test_other_files_are_rejected_as_images(tmp_path):
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(ValueError, match="not a readable image"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "gif"])
def test_a_truncated_file(tmp_path, kind):
    data = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(data, kind)
    (tmp_path / "a").write_bytes(data.getvalue()[: len(data.getvalue()) // 2])
    with pytest.raises(ValueError, match=r"damaged or truncated|not an image"):
        read_image(tmp_path / "a")


def test_fifty_megapixels_keep_their_size(tmp_path):
    Image.new("1", (8700, 5800)).save(tmp_path / "a.png", compress_level=1)
    assert read_image(tmp_path / "a.png").rgb.shape == (5800, 8700, 3)


def test_the_shipped_photos():
    assert read_image(asset("walk_side.jpg")).rgb.shape == (994, 1768, 3)
    assert read_image(asset("upper_body.png")).rgb.shape == (512, 512, 3)


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n{} loop\n%%EOF\n"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.eps"])
def test_postscript_is_not_run_whatever_it_is_called(tmp_path, monkeypatch, name):
    run = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: run.append(True))
    (tmp_path / name).write_bytes(POSTSCRIPT)
    with pytest.raises(ValueError, match="not a readable image"):
        read_image(tmp_path / name)
    with pytest.raises(UnidentifiedImageError), open_image(io.BytesIO(POSTSCRIPT)):
        pass
    assert run == []


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_damaged_metadata_are_left_out(tmp_path, kind, capfd):
    exif = exif_of(Orientation=6, FocalLengthIn35mmFilm=26).tobytes()
    broken = exif[:8] + b"\xff" + exif[9:12] + b"\xff" * (len(exif) - 12)
    two_colours().save(tmp_path / "a", kind, exif=broken)
    photo = read_image(tmp_path / "a")
    assert photo.rgb.shape == (20, 40, 3)
    assert photo.focal_px is None
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "error", [TypeError, SyntaxError, RuntimeError, NotImplementedError, OverflowError, MemoryError]
)
def test_all_decoder_exceptions_count_as_damage(tmp_path, monkeypatch, error):
    two_colours().save(tmp_path / "a.png")

    def load(_):
        raise error("odd\nbytes")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    with pytest.raises(ValueError, match=r"damaged or truncated.*odd bytes"):
        read_image(tmp_path / "a.png")


def test_a_line_of_pixels_is_a_picture(tmp_path):
    Image.new("RGB", (30000, 1)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").rgb.shape == (1, 30000, 3)
    with pytest.raises(ValueError, match="no person was found"):
        detect(read_image(tmp_path / "a.png").rgb)


@pytest.mark.parametrize("name", ["a.webp", "a.JP2", "a.tga", "a.jpg", "a.heic"])
def test_images_are_known_by_their_names_on_every_system(monkeypatch, name):
    monkeypatch.setattr(mimetypes, "guess_type", mimetypes.MimeTypes(filenames=()).guess_type)
    assert is_image(Path(name)) == (name != "a.heic" or mimetypes.guess_type(name)[0] is not None)
    assert not is_image(Path("a.json"))
    assert not is_image(Path(f".{name}"))
