"""Everything that is written of the people on a photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from fitting.inputs.images import Photo
from fitting.output.pictures import fit_pictures
from fitting.output.results import FitResult, MeshFormat, write_results
from fitting.output.smplifyx import write_smplifyx
from fitting.output.viewer import write_viewer

Export = Literal["obj", "glb", "ply", "html", "smplx-pkl"]

PAGE = "view.html"


def result_name(path: Path) -> str:
    """What the results of a file or folder are called: its name without the last extension.

    Raises:
        ValueError: nothing can have that name, or it leads elsewhere.
    """
    name = path.stem if path.stem not in ("", ".", "..") else path.resolve().stem
    check_name(name)
    return name


def check_name(name: str) -> None:
    """Refuse a name that would not be a folder's own, below the one that it is put in.

    Raises:
        ValueError: it is empty, leads elsewhere or holds other folders.
    """
    if name in ("", ".", "..") or Path(name).name != name:
        raise ValueError(f"results cannot have the name {name!r}: rename what they are of")


def write_fit(
    out: str | Path, name: str, photo: Photo, results: Sequence[FitResult], exports: Sequence[Export] = ("obj",)
) -> list[Path]:
    """Write what was fitted to one photo; the paths of its people's folders.

    Each person has a folder ``out/<name>/person<i>`` with parameters and pictures (see `fitting.write_results`). On
    request there are:

    - ``obj``, ``glb``, ``ply``: the mesh in it, as ``mesh.obj`` and so on.
    - ``html``: ``out/<name>/view.html``, a page that turns everybody in 3D (see `fitting.output.viewer.viewer_page`);
      that of an earlier run is removed where it is not asked for.
    - ``smplx-pkl``: ``out/results/<name>/000.pkl`` and ``out/meshes/<name>/000.obj``, as SMPLify-X has them (see
      `fitting.output.smplifyx.write_smplifyx`).

    Args:
        out: folder of all results.
        name: of the photo's own folder in it.
        photo: what was fitted.
        results: of its people.
        exports: what is written besides parameters and pictures.

    Returns:
        Folders of the people.

    Raises:
        ValueError: a result comes without its mesh, as those read from files do, or the name leads out of the folder.
        FileExistsError: one of the people's folders exists and is not a fit's.
        OSError: something could not be written.
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
