"""Read photos of any common format as upright 8-bit RGB, with the focal length from EXIF."""

from __future__ import annotations

import mimetypes
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, UnidentifiedImageError

from fitting.inputs.focal import checked_focal, focal_from_35mm
from fitting.inputs.quiet import native_stderr_silenced
from qposer.io.messages import one_line

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM", "TGA")
"""Accepted formats, by Pillow's names: pixel data only. Pillow would pass PostScript to Ghostscript, which executes it,
whatever the file's name."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Operations that undo EXIF's orientations."""

_ROWS = 256
"""Number of rows of deep grey pictures that are converted to 8 bits at a time."""

_MILLIMETRES_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}  # EXIF FocalPlaneResolutionUnit: inch, cm, mm, um


@dataclass(frozen=True)
class Photo:
    """An upright picture; ``focal_px`` is the focal length in pixels, if the file contains it."""

    rgb: UInt8[np.ndarray, "height width 3"]
    focal_px: float | None = None
    focal_warning: str | None = None
    """Why the file's focal length is ignored."""

    @property
    def width(self) -> int:
        """Width in pixels."""
        width: int = self.rgb.shape[1]
        return width

    @property
    def height(self) -> int:
        """Height in pixels."""
        height: int = self.rgb.shape[0]
        return height


def read_image(path: str | Path) -> Photo:
    """Read a photo, rotated upright according to its EXIF orientation.

    Grey, palette, CMYK and 16-bit pictures become 8-bit RGB; transparent areas become white; for an animation the first
    frame is used. The size is kept, up to Pillow's limit of 179 megapixels. Damaged metadata are ignored.

    Raises:
        FileNotFoundError: the file does not exist.
        IsADirectoryError: it is a folder.
        ValueError: the file is empty, not an image of `FORMATS`, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder: give one image, or fit it with fit_folder")
        raise FileNotFoundError(f"there is no image file {path}: check the path")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes), not an image: give a JPEG, PNG or other picture")
    try:
        with open_image(path) as image:
            image.load()
            orientation, focal_px = _noted(image)
            rgb = _to_rgb(image)
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not a readable image: give a JPEG, PNG or other picture") from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} has too many pixels: shrink it first ({one_line(error)})") from None
    except Exception as error:  # Pillow's decoders raise anything on damaged files
        raise ValueError(f"{path} is damaged or truncated: copy or export it again ({one_line(error)})") from None
    focal_warning = None
    if focal_px is not None:
        try:
            focal_px = checked_focal(focal_px, rgb.shape[1], rgb.shape[0])
        except ValueError:
            focal_warning = f"ignored an implausible focal length of {focal_px:.3g} pixels in the file's EXIF"
            focal_px = None
    return Photo(_upright(rgb, orientation), focal_px, focal_warning)


@contextmanager
def open_image(file: str | Path | IO[bytes]) -> Iterator[Image.Image]:
    """Open a picture in one of `FORMATS`, whatever its name; other formats are not tried.

    Messages of Pillow and its libraries about unusual metadata are suppressed.

    Raises:
        OSError: the file cannot be read, or is not such a picture (`PIL.UnidentifiedImageError`).
    """
    Image.init()
    known = [name for name in FORMATS if name in Image.OPEN]  # some builds of Pillow lack some
    with native_stderr_silenced(), warnings.catch_warnings(action="ignore"), Image.open(file, formats=known) as image:
        yield image


def is_image(path: Path) -> bool:
    """Whether a file is an image by its name, and not hidden."""
    kind, _ = mimetypes.guess_type(path.name)  # knows others, too, which then cannot be read; fewer on some machines
    named_so = path.suffix.lower() in _extensions() or (kind or "").startswith("image/")
    return named_so and not path.name.startswith(".")


@cache
def _extensions() -> frozenset[str]:
    """Those of `FORMATS`."""
    return frozenset(ending for ending, format in Image.registered_extensions().items() if format in FORMATS)


def _noted(image: Image.Image) -> tuple[int | None, float | None]:
    """Orientation and focal length from EXIF; None where the metadata are damaged."""
    orientation = None
    try:
        exif = image.getexif()
        noted = exif.get(ExifTags.Base.Orientation)
        orientation = noted if isinstance(noted, int) else None
        return orientation, _focal_from_exif(exif, image.width, image.height)
    except Exception:  # Pillow raises anything on damaged metadata
        return orientation, None


def _upright(
    rgb: UInt8[np.ndarray, "height width 3"], orientation: int | None
) -> UInt8[np.ndarray, "_height _width 3"]:
    turn = None if orientation is None else _TURNS.get(orientation)
    return rgb if turn is None else np.array(Image.fromarray(rgb).transpose(turn))


def _to_rgb(image: Image.Image) -> UInt8[np.ndarray, "height width 3"]:
    if image.mode == "F" or image.mode.startswith("I"):  # grey of 16 bits and more
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))


def _eight_bits(grey: np.ndarray) -> UInt8[np.ndarray, "height width"]:
    """Convert grey of any depth, a few rows at a time because copies in double precision are large."""
    full_scale = 65535.0 if np.nan_to_num(grey).max(initial=0) > 255 else 255.0
    shown = np.empty(grey.shape, np.uint8)
    for top in range(0, len(grey), _ROWS):
        rows = np.nan_to_num(grey[top : top + _ROWS].astype(np.float64))
        shown[top : top + _ROWS] = np.clip(rows * 255.0 / full_scale, 0.0, 255.0).round()
    return shown


def _focal_from_exif(exif: Image.Exif, width: int, height: int) -> float | None:
    """Focal length in pixels from the 35 mm equivalent, otherwise from the sensor's resolution, otherwise None."""
    tags = exif.get_ifd(ExifTags.IFD.Exif)
    equivalent_mm = _positive(tags.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if equivalent_mm is not None:
        return focal_from_35mm(equivalent_mm, width, height)
    focal_mm = _positive(tags.get(ExifTags.Base.FocalLength))
    resolution = _positive(tags.get(ExifTags.Base.FocalPlaneXResolution))
    unit_mm = _MILLIMETRES_PER_UNIT.get(tags.get(ExifTags.Base.FocalPlaneResolutionUnit, 2))
    if focal_mm is None or resolution is None or unit_mm is None:
        return None
    sensor_width = _positive(tags.get(ExifTags.Base.ExifImageWidth)) or width
    sensor_height = _positive(tags.get(ExifTags.Base.ExifImageHeight)) or height
    resized = max(width, height) / max(sensor_width, sensor_height)
    return focal_mm * resolution / unit_mm * resized


def _positive(value: object) -> float | None:
    """The EXIF number, or None if it is absent, zero (EXIF's "unknown") or invalid."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if np.isfinite(number) and number > 0 else None
