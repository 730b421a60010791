"""The Python API in one script: a photo, its pose as codes, edits, and files.

    python demos/python_api.py PHOTO OUT

Each step prints what it found.
"""

import sys
from pathlib import Path

sys.path.insert(0, __file__.rpartition("demos")[0])

import torch

from fitting import fit_image
from fitting.inputs.images import read_image
from fitting.output.exports import write_fit
from qposer import CodePrior, describe, instruct


def main(photo: Path, out: Path) -> None:
    """Fit a photo, judge and edit the pose, and write files.

    Args:
        photo: the photo.
        out: folder for the results.
    """
    (person,) = fit_image(photo)
    print(f"{person.verdict}: {person.reprojection_error_percent:.1f} % of the height, {person.transl[2]:.1f} m away")

    prior = CodePrior.from_pretrained()
    pose = torch.from_numpy(person.body_pose)
    print(f"codes {tuple(prior.model.encode(pose[None]).shape)}, energy {prior.energy(pose[None]).item():.2f}")
    print("; ".join(describe(pose)))

    (edit,) = instruct(pose, "raise the left arm")
    print(f"after the instruction: energy {prior.energy(edit.posture.body_pose[None]).item():.2f}")

    (folder,) = write_fit(out, photo.stem, read_image(photo), [person], ("obj", "glb"))
    print(f"written: {', '.join(sorted(path.name for path in folder.iterdir()))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
