"""The studio's edits of a pose, without user interface: actions change the session and return a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from fitting.fit import Fitter
from fitting.inputs.images import read_image
from fitting.studio import files
from fitting.studio.dragging import Drags, spoken
from fitting.studio.photo_fit import PhotoFit
from fitting.studio.session import Instruction, Pose, Session
from fitting.studio.standing import Mannequin, Standing
from qposer import CodePrior
from qposer.body_pose.posed_skeleton import OrientedPose, neutral_pose
from qposer.body_pose.poses import as_matrices
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.control import edits
from qposer.control.instructions import Check, Edit, InstructionError, instruct
from qposer.control.instructions.words import LONGEST_TEXT

PARTS = ("left_arm", "right_arm", "left_leg", "right_leg", "torso", "head")
"""Parts that can be ticked or locked; each joint belongs to one."""

_MOST_SHOWN = 80  # characters of an instruction in the name of a pose


class Editor:
    """The actions of the buttons, on a session, with the prior and a body to show.

    Many methods: one for each button.
    """

    def __init__(self, prior: CodePrior, mannequin: Mannequin, seed: int = 0, session: Session | None = None) -> None:
        self.prior = prior
        self.mannequin = mannequin
        self.generator = torch.Generator().manual_seed(seed)
        self.session = session or Session([self._pose(neutral_pose(), "at ease")])
        self.drags = Drags(prior, mannequin, self.session)
        self.photo: PhotoFit | None = None
        self.loaded: tuple[str, OrientedPose] | None = None
        """The last file read, with all its poses."""
        self._taken: Pose | None = None  # from that file, not edited since
        self._corrected: Pose | None = None  # of an unfinished correction of the photo
        self._edits: dict[int, Edit] = {}
        self._fitter: Fitter | None = None

    @property
    def shown(self) -> Pose:
        """The shown pose: the current one, or its state during a drag."""
        return self.drags.shown

    def standing(self) -> Standing:
        """The shown body, in the room."""
        return self.drags.standing()

    # Buttons.

    @torch.no_grad()
    def sample(self) -> str:
        """Sample a pose."""
        drawn = self.prior.sample(1, generator=self.generator)[0]
        return self._changed(OrientedPose(drawn, torch.eye(3)), "sampled", place=(0.0, 0.0))

    @torch.no_grad()
    def complete(self, off: Sequence[str]) -> str:
        """Complete the ticked parts from the others.

        Raises:
            ValueError: no part is ticked, or all are.
        """
        if not off:
            raise ValueError("no part is ticked: tick the parts to complete")
        known = torch.ones(NUM_BODY_JOINTS, dtype=torch.bool)
        known[edits.joints_of(off)] = False
        posture = self.session.current.posture
        body_pose = self.prior.complete(posture.body_pose, known, generator=self.generator)[0]
        return self._changed(posture._replace(body_pose=body_pose), f"{_listed(off)} guessed")

    @torch.no_grad()
    def vary(self, parts: Sequence[str], amount: float) -> str:
        """Resample some parts, or all if none is named.

        Args:
            parts: names of parts.
            amount: from 0 (no change) to 1 (as if the parts were unknown).

        Returns:
            The message for the panel.

        Raises:
            ValueError: the amount is not from 0 to 1.
        """
        posture = self.session.current.posture
        drawn = edits.vary(posture.body_pose, parts or PARTS, amount, 1, generator=self.generator, prior=self.prior)[0]
        return self._changed(posture._replace(body_pose=drawn), f"{_listed(parts) or 'whole body'} varied")

    def mirror(self) -> str:
        """Swap left and right."""
        return self._changed(self.session.current.posture.mirrored(), "mirrored")

    def instruct(self, text: str) -> str:
        """Apply an instruction.

        Raises:
            ValueError: the text is not understood, empty, or too long.
        """
        text = " ".join(text.split())
        self.drags.finish()
        previous = self._edits.get(self.session.number)
        try:
            edit = instruct(
                self.session.current.posture, text, generator=self.generator, previous=previous, prior=self.prior
            )[0]
        except InstructionError as error:
            if text:
                kept = Instruction(text[:LONGEST_TEXT], str(error), False, (error.start, error.end))
                self.session.instructions.append(kept)
            raise
        self._changed(edit.posture, f"“{text if len(text) <= _MOST_SHOWN else f'{text[:_MOST_SHOWN]}…'}”")
        self._edits[self.session.number] = edit
        self.session.instructions.append(Instruction(text, ", ".join(_checked(c) for c in edit.checks), True))
        missing = [_checked(check) for check in edit.checks if not check.satisfied]
        return f"Done, but for: {', '.join(missing)}." if missing else "Done."

    @torch.no_grad()
    def take(self, number: int, parts: Sequence[str]) -> str:
        """Take parts from an earlier pose of the session.

        Args:
            number: index of the pose in the session.
            parts: names of parts.

        Returns:
            The message for the panel.

        Raises:
            ValueError: there is no such pose, or no part is ticked.
        """
        if not parts:
            raise ValueError("no part is ticked: tick the parts to take")
        donor, posture = self.session.pose(number).posture, self.session.current.posture
        swapped = edits.swap(posture.body_pose, donor.body_pose, parts, model=self.prior.model)
        body_pose, joints = posture.body_pose.clone(), edits.joints_of(parts)
        body_pose[joints] = swapped[joints]
        return self._changed(posture._replace(body_pose=body_pose), f"{_listed(parts)} of pose {number}")

    def go_to(self, number: int) -> str:
        """Make an earlier pose the current one, as a step that can be undone."""
        earlier = self.session.pose(number)
        self.drags.finish()
        self.session.put(earlier._replace(origin=f"pose {number} again"))
        return f"Back at pose {number}: {earlier.origin}."

    def undo(self) -> str:
        """Go one step back; a running drag counts as one step."""
        self.drags.finish()
        undone = self.session.current.origin
        self.session.undo()
        return f"Undone: {undone}."

    def redo(self) -> str:
        """Go forward again."""
        self.drags.finish()
        self.session.redo()
        return f"Done again: {self.session.current.origin}."

    # Files.

    def load(self, name: str, content: bytes) -> str:
        """Load a file and use its first pose.

        Args:
            name: file name.
            content: file content.

        Returns:
            The message for the panel.

        Raises:
            ValueError: the file holds no poses.
        """
        self.loaded, self._taken = (name, files.read_oriented_poses(name, content)), None
        return self.choose(0)

    def choose(self, index: int) -> str:
        """Use another pose of the loaded file; it replaces the pose just taken from that file.

        Raises:
            ValueError: no file is loaded, or it has fewer poses.
        """
        if self.loaded is None:
            raise ValueError("no file is loaded: load one first")
        name, postures = self.loaded
        number = len(postures.body_pose)
        if not 0 <= index < number:
            raise ValueError(f"{name} has no pose {index}: it has poses 0 to {number - 1}")
        posture = OrientedPose(postures.body_pose[index], postures.global_orient[index])
        origin = f"{name}, {index + 1} of {number}" if number > 1 else name
        self.drags.finish()
        if self.session.current is not self._taken:
            message = self._changed(posture, origin)
        else:
            self.session.replace(self._pose(posture, origin, self._taken.place))
            message = f"{origin}."
        self._taken = self.session.current
        return message

    def fit(self, name: str, content: bytes) -> str:
        """Fit the largest person in a photo and use that pose.

        Args:
            name: file name of the photo.
            content: content of that file.

        Returns:
            The message for the panel.

        Raises:
            ValueError: the file is not a photo, or shows no person.
        """
        with files.as_file(name, content) as path:
            photo = read_image(path)
        if self._fitter is None:
            self._fitter = Fitter(self.mannequin.body, self.prior)
        self.photo, self._corrected = PhotoFit(self._fitter, name, photo), None
        message = f"{self._follow_photo(name)[:-1]}: {self.photo.summary}"
        self._corrected = None
        return message

    def correct(self, action: Callable[[PhotoFit], str], done: bool = True) -> str:
        """Correct the fitted photo, and use the new pose.

        Args:
            action: the correction.
            done: whether it is complete; until then its poses replace each other, and the photo is not drawn.

        Returns:
            The message for the panel.

        Raises:
            ValueError: there is no photo, or the correction is refused.
        """
        if self.photo is None:
            raise ValueError("there is no photo: give one under Files")
        said = action(self.photo)
        self._follow_photo(f"{self.photo.name}, corrected")
        if done:
            self.photo.draw()
            self._corrected = None
        return said

    def _follow_photo(self, origin: str) -> str:
        """Use the pose of the fitted photo."""
        assert self.photo is not None
        result = self.photo.result
        body_pose = as_matrices(torch.from_numpy(result.body_pose))
        posture = OrientedPose(body_pose, files.from_camera(result.global_orient))
        if self._corrected is not None and self.session.current is self._corrected:
            self.session.replace(self._pose(posture, origin, self._corrected.place))
            said = f"{origin}."
        else:
            said = self._changed(posture, origin)
        self._corrected = self.session.current
        return said

    def file(self, kind: str, view: files.View | None = None) -> tuple[str, bytes]:
        """The current pose as a file of one of `KINDS`: name and content.

        Args:
            kind: kind of the file.
            view: camera of a picture.

        Returns:
            Name and content.

        Raises:
            ValueError: the kind is unknown, or the camera is too close for a picture.
        """
        pose, standing = self.session.current, self.mannequin.stand(self.session.current.posture)
        name = f"pose{self.session.number}"
        match kind:
            case "npz":
                return f"{name}.npz", files.npz_file(pose.posture, pose.place, pose.energy)
            case "AMASS":
                return f"{name}_amass.npz", files.amass_file(pose.posture, standing, self.mannequin)
            case "glb":
                return f"{name}.glb", files.glb_file(standing, self.mannequin)
            case "PNG" if view is not None:
                standing = self.mannequin.stand(pose.posture, pose.place)
                return f"{name}.png", files.png_file(standing, self.mannequin, view)
        raise ValueError(f"unknown kind of file {kind!r}: choose one of npz, AMASS, glb, PNG")

    def _changed(self, posture: OrientedPose, origin: str, place: tuple[float, float] | None = None) -> str:
        self.drags.finish()
        self.session.put(self._pose(posture, origin, place or self.session.current.place))
        return f"{origin[0].upper()}{origin[1:]}."

    @torch.no_grad()
    def _pose(self, posture: OrientedPose, origin: str, place: tuple[float, float] = (0.0, 0.0)) -> Pose:
        return Pose(posture, origin, self.prior.energy(posture.body_pose).item(), place)


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(spoken(part) for part in parts)


def _checked(check: Check) -> str:
    return check.text if check.satisfied else f"{check.text} ({check.after:.0f} {check.unit} off)"
