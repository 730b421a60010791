"""Export the networks to ONNX or torch.export, for programs without this package.

    qposer export onnx --model decode vposer_decode

writes OUT/decode.onnx and OUT/vposer_decode.onnx; the format torch writes .pt2 files, which torch.export.load reads.
Models: encode, decode, energy, pull, vposer_decode (of the prior) and regressor (the start of a fit); by default all of
them. docs/export.md lists their inputs and outputs. ONNX needs onnx and onnxscript.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from fitting.commands.inputs import shipped_prior
from qposer.io.cli_errors import plain_console

Model = Literal["encode", "decode", "energy", "pull", "vposer_decode", "regressor"]
Keypoints = Literal["mediapipe", "openpose", "coco", "h36m"]

ALL: tuple[Model, ...] = ("encode", "decode", "energy", "pull", "vposer_decode", "regressor")
ENDINGS = {"onnx": "onnx", "torch": "pt2"}


def main(
    format: Annotated[Literal["onnx", "torch"], tyro.conf.Positional],
    model: tuple[Model, ...] = ALL,
    keypoints: Keypoints = "mediapipe",
    out: Path = Path("out/export"),
) -> None:
    """Export the networks to ONNX or torch.export, for programs without this package.

    Args:
        format: onnx, or torch for programs of torch.export.
        model: models to export.
        keypoints: keypoint format of the regressor's input.
        out: folder for the files.
    """
    console = plain_console()
    with shipped_prior() as prior:
        from fitting.export import regressor_model
        from qposer.export import export_onnx, export_torch, prior_model

        out.mkdir(parents=True, exist_ok=True)
        write = export_onnx if format == "onnx" else export_torch
        for name in model:
            path = out / f"{name}.{ENDINGS[format]}"
            write(regressor_model(keypoints) if name == "regressor" else prior_model(name, prior), path)
            console.print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
