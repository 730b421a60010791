"""Reading photos: any common file to upright 8-bit RGB, with the focal length that the camera noted."""

from __future__ import annotations

import mimetypes
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from fitting.camera import focal_from_35mm

_MILLIMETRES_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}  # EXIF FocalPlaneResolutionUnit: inch, cm, mm, um


@dataclass(frozen=True)
class Photo:
    """An upright picture; ``focal_px`` is the focal length in its pixels where the file tells it."""

    rgb: UInt8[np.ndarray, "height width 3"]
    focal_px: float | None = None

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.rgb.shape[1]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.rgb.shape[0]


def read_image(path: str | Path) -> Photo:
    """The photo in the file ``path``, turned upright as its EXIF orientation says.

    Grey, palette, CMYK and 16-bit pictures become 8-bit RGB; what is transparent becomes white; of an animation the
    first frame is taken. The size is kept, however large.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, is no image, or ends too early.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no image file {path}: check the path")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes), not an image: give a JPEG, PNG or other picture")
    try:
        with (
            warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning),
            Image.open(path) as image,
        ):
            image.load()
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not an image that can be read: give a JPEG, PNG or other picture") from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} has too many pixels: shrink it first ({error})") from None
    except (OSError, SyntaxError, ValueError, struct.error) as error:  # what Pillow's decoders raise on damaged files
        raise ValueError(f"{path} is damaged or cut off: copy or export it again ({error})") from None
    focal_px = _focal_from_exif(image.getexif(), image.width, image.height)
    return Photo(_to_rgb(ImageOps.exif_transpose(image)), focal_px)


def is_image(path: Path) -> bool:
    """Whether a file's name is that of an image, and not of a hidden file."""
    kind, _ = mimetypes.guess_type(path.name)
    return kind is not None and kind.startswith("image/") and not path.name.startswith(".")


def _to_rgb(image: Image.Image) -> UInt8[np.ndarray, "height width 3"]:
    if image.mode == "F" or image.mode.startswith("I"):  # grey of 16 bits and more
        grey = np.asarray(image, dtype=np.float64)
        full_scale = 65535.0 if grey.max(initial=0.0) > 255.0 else 255.0
        image = Image.fromarray(np.uint8(np.clip(grey * 255.0 / full_scale, 0.0, 255.0).round()))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))


def _focal_from_exif(exif: Image.Exif, width: int, height: int) -> float | None:
    """Focal length in pixels from the 35 mm equivalent, or else from the sensor's resolution, or else None."""
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
    """The EXIF number, or None where it is absent, zero (EXIF's "unknown") or broken."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if np.isfinite(number) and number > 0 else None
