"""Make the page that runs the decoders in a browser, in one file without any access to the network.

    npm pack onnxruntime-web@1.30.0
    python -m tools.browser_page onnxruntime-web-1.30.0.tgz

writes docs/browser/index.html: onnxruntime-web's WebAssembly build, three exported models and the open body.
"""

from __future__ import annotations

import base64
import gzip
import json
import tarfile
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro

from fitting.body.body import Body
from fitting.output.skinning import SkinnedBody, skinned_body
from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, PARENTS, REST_JOINTS
from qposer.export import ModelName, export_onnx, prior_model
from qposer.io.atomic_files import atomic_write
from qposer.prior.code_prior import CodePrior
from qposer.vposer import VPoserV2

TEMPLATE = Path(__file__).with_name("browser_page.html")
MODELS: tuple[ModelName, ...] = ("encode", "decode", "vposer_decode")
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
FAR = 2.0
"""Latents at which their effects are compared, in standard deviations."""


def main(package: Annotated[Path, tyro.conf.Positional], out: Path = Path("docs/browser/index.html")) -> None:
    """Make the page.

    Args:
        package: archive of the npm package onnxruntime-web.
        out: file to write.
    """
    with torch.no_grad():
        page = browser_page(package)
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as temporary:
        temporary.write_text(page, encoding="utf-8")


def browser_page(package: Path) -> str:
    """The page, with everything that it needs inside.

    Args:
        package: archive of the npm package onnxruntime-web.

    Returns:
        HTML.
    """
    prior = CodePrior.from_pretrained()
    skinned = skinned_body(Body.open(), np.zeros(10, np.float32))
    with tarfile.open(package) as archive:
        runtime, wasm = (_member(archive, f"package/dist/{name}") for name in (SCRIPT, WASM))
    parts = {"runtime": runtime, "wasm": wasm, "body": _mesh(skinned)}
    with tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            export_onnx(prior_model(model, prior), Path(folder) / model)
            parts[model] = (Path(folder) / model).read_bytes()
    settings = {
        "vertices": len(skinned.vertices),
        "faces": skinned.faces.size,
        "rest": skinned.joints.round(5).tolist(),
        "parents": PARENTS,
        "joints": BODY_JOINT_NAMES,
        "order": _by_effect(VPoserV2.from_pretrained()),
        "ranked": prior.model.quantizer.codebooks.squeeze(-1).argsort(-1).tolist(),
    }
    page = TEMPLATE.read_text(encoding="utf-8").replace("{{settings}}", json.dumps(settings))
    for name, content in parts.items():
        packed = base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
        page = page.replace(f"{{{{{name}}}}}", packed)
    return page


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is not a file of the package")
    return file.read()


def _mesh(skinned: SkinnedBody) -> bytes:
    """Positions, faces, bones and weights, one after the other."""
    weights = np.rint(255 * skinned.weights)
    weights[:, 0] += 255 - weights.sum(axis=1)
    arrays = (
        skinned.vertices.astype("<f4"),
        skinned.faces.astype("<u2"),
        skinned.bones.astype("u1"),
        weights.astype("u1"),
    )
    return b"".join(array.tobytes() for array in arrays)


def _by_effect(model: VPoserV2) -> list[int]:
    """The latents' indices, those that move the joints furthest first."""
    latents = FAR * torch.cat([torch.eye(model.latentD), -torch.eye(model.latentD)])
    joints = body_joints(model.rotations(latents), torch.tensor(REST_JOINTS, dtype=torch.float32))
    distance = torch.linalg.vector_norm(joints[: model.latentD] - joints[model.latentD :], dim=-1).mean(-1)
    order: list[int] = distance.argsort(descending=True).tolist()
    return order


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
