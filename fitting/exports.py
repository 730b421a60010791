"""Everything that is written of the people on a photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from fitting.images import Photo
from fitting.pictures import fit_pictures
from fitting.results import FitResult, MeshFormat, write_results
from fitting.smplifyx import write_smplifyx
from fitting.viewer import write_viewer

Export = Literal["obj", "glb", "ply", "html", "smplx-pkl"]

PAGE = "view.html"


def write_fit(
    out: str | Path, name: str, photo: Photo, results: Sequence[FitResult], exports: Sequence[Export] = ("obj",)
) -> list[Path]:
    """Write what was fitted to one photo; the paths of its people's folders.

    Each person has a folder ``out/<name>/person<i>`` with parameters and pictures (see `fitting.write_results`). On
    request there are:

    - ``obj``, ``glb``, ``ply``: the mesh in it, as ``mesh.obj`` and so on.
    - ``html``: ``out/<name>/view.html``, a page that turns everybody in 3D (see `fitting.viewer.viewer_page`); that of
      an earlier run is removed where it is not asked for.
    - ``smplx-pkl``: ``out/results/<name>/000.pkl`` and ``out/meshes/<name>/000.obj``, as SMPLify-X has them (see
      `fitting.smplifyx.write_smplifyx`).

    Raises:
        ValueError: a result comes without its mesh, as those read from files do.
        FileExistsError: one of the people's folders exists and is not a fit's.
        OSError: something could not be written.
    """
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
