"""Write all output files for the people in a photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from fitting.inputs.images import Photo
from fitting.output.fit_result import FitResult
from fitting.output.pictures import fit_pictures
from fitting.output.results import MeshFormat, write_results
from fitting.output.smplifyx import write_smplifyx
from fitting.output.viewer import write_viewer

Export = Literal["obj", "glb", "ply", "html", "smplx-pkl"]

PAGE = "view.html"


def result_name(path: Path) -> str:
    """Name of the results of a file or folder: its name without the last extension.

    Raises:
        ValueError: the name is not a valid folder name.
    """
    name = path.stem if path.stem not in ("", ".", "..") else path.resolve().stem
    check_name(name)
    return name


def check_name(name: str) -> None:
    """Reject a name that is not a single folder name.

    Raises:
        ValueError: the name is empty, contains a path, or leads elsewhere.
    """
    if name in ("", ".", "..") or Path(name).name != name:
        raise ValueError(f"results cannot be named {name!r}: rename the input")


def write_fit(
    out: str | Path, name: str, photo: Photo, results: Sequence[FitResult], exports: Sequence[Export] = ("obj",)
) -> list[Path]:
    """Write the fits of one photo.

    Each person has a folder ``out/<name>/person<i>`` with parameters and pictures (see `fitting.write_results`).
    Optional exports are:

    - ``obj``, ``glb``, ``ply``: the mesh in that folder, as ``mesh.obj`` and so on.
    - ``html``: ``out/<name>/view.html``, a page with a 3D view of all people (see `fitting.output.viewer.viewer_page`);
    without this export, the page of an earlier run is deleted. - ``smplx-pkl``: ``out/results/<name>/000.pkl`` and
    ``out/meshes/<name>/000.obj``, in SMPLify-X's layout (see
      `fitting.output.smplifyx.write_smplifyx`).

    Args:
        out: folder for all results.
        name: name of the photo's folder.
        photo: the fitted photo.
        results: results of its people.
        exports: files to write besides parameters and pictures.

    Returns:
        Folders of the people.

    Raises:
        ValueError: a result has no mesh (results read from files have none), or the name leads out of the folder.
        FileExistsError: one of the people's folders exists and does not contain a fit.
        OSError: a file cannot be written.
    """
    check_name(name)
    folder = Path(out) / name
    pictures = fit_pictures(photo, results)
    meshes = [mesh for mesh in get_args(MeshFormat) if mesh in exports]
    folders = write_results(folder, results, pictures, meshes)
    if "html" in exports:
        write_viewer(folder / PAGE, photo, results, name)
    else:
        (folder / PAGE).unlink(missing_ok=True)
    if "smplx-pkl" in exports:
        write_smplifyx(out, name, results)
    return folders
