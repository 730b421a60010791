"""Write all output files for the people in a photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from fitting.body.body import Body
from fitting.inputs.images import Photo
from fitting.output.fit_result import FitResult
from fitting.output.gltf import glb
from fitting.output.pictures import fit_pictures
from fitting.output.results import MeshFormat, write_results
from fitting.output.skinning import skeleton_motion, skinned_body
from fitting.output.smplifyx import write_smplifyx
from fitting.output.viewer import write_viewer

Export = Literal["obj", "glb", "ply", "glb-rigged", "html", "smplx-pkl"]

PAGE = "view.html"
RIGGED = "rigged.glb"


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
    out: str | Path,
    name: str,
    photo: Photo,
    results: Sequence[FitResult],
    exports: Sequence[Export] = ("obj",),
    body: Body | None = None,
) -> list[Path]:
    """Write the fits of one photo.

    Each person has a folder ``out/<name>/person<i>`` with parameters and pictures (see `fitting.write_results`).
    Optional exports are:

    - ``obj``, ``glb``, ``ply``: the mesh in that folder, as ``mesh.obj`` and so on.
    - ``glb-rigged``: ``rigged.glb`` in that folder, a skinned body in the fitted pose (see `fitting.output.gltf.glb`).
    - ``html``: ``out/<name>/view.html``, a page with a 3D view of all people (see `fitting.output.viewer.viewer_page`);
      without this export, the page of an earlier run is deleted.
    - ``smplx-pkl``: ``out/results/<name>/000.pkl`` and ``out/meshes/<name>/000.obj``, in SMPLify-X's layout (see
      `fitting.output.smplifyx.write_smplifyx`).

    Args:
        out: folder for all results.
        name: name of the photo's folder.
        photo: the fitted photo.
        results: results of its people.
        exports: files to write besides parameters and pictures.
        body: the fitted body model; needed for ``glb-rigged``.

    Returns:
        Folders of the people.

    Raises:
        ValueError: a result has no mesh (results read from files have none), the name leads out of the folder, or
            ``glb-rigged`` lacks the fitted body model.
        FileExistsError: one of the people's folders exists and does not contain a fit.
        OSError: a file cannot be written.
    """
    check_name(name)
    folder = Path(out) / name
    pictures = fit_pictures(photo, results)
    meshes = [mesh for mesh in get_args(MeshFormat) if mesh in exports]
    files = [{RIGGED: _rigged(result, body)} for result in results] if "glb-rigged" in exports else None
    folders = write_results(folder, results, pictures, meshes, files)
    if "html" in exports:
        write_viewer(folder / PAGE, photo, results, name)
    else:
        (folder / PAGE).unlink(missing_ok=True)
    if "smplx-pkl" in exports:
        write_smplifyx(out, name, results)
    return folders


def _rigged(result: FitResult, body: Body | None) -> bytes:
    """A skinned body that is exact in the fitted pose: its T-pose includes the pose blend shapes."""
    if body is None or body.name != result.body:
        raise ValueError(f"a rigged body needs the body model that was fitted, {result.body}: give it")
    skinned = skinned_body(body, result.betas, result.joint_poses(body.num_joints)[0])
    return glb(skinned, skeleton_motion(result, skinned.joints[0], joints=body.num_joints))
