"""Optional packages, and the extra of this distribution that installs each."""

from __future__ import annotations

EXTRAS = {
    "PIL": "fit",
    "cv2": "fit",
    "filelock": "fit",
    "mediapipe": "fit",
    "rich": "fit",
    "scipy": "fit",
    "trimesh": "fit",
    "tyro": "fit",
    "msgspec": "studio",
    "viser": "studio",
    "websockets": "studio",
    "fsspec": "ray",
    "pyarrow": "ray",
    "ray": "ray",
    "smplx": "smplx",
    "sklearn": "train",
}
"""Extra by the name that is imported. ``fit`` has all that ``train`` has but scikit-learn."""


def explained(error: ModuleNotFoundError) -> ModuleNotFoundError | None:
    """The error of a missing optional package, with the command that installs it.

    Args:
        error: error of an import.

    Returns:
        The same error with another message; None if the module belongs to no extra.
    """
    module = (error.name or "").partition(".")[0]
    if module not in EXTRAS:
        return None
    message = f'the package {module} is not installed: pip install "qposer[{EXTRAS[module]}]"'
    return ModuleNotFoundError(message, name=error.name)
