"""The studio's edits of a pose, without user interface: actions change the session and return a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from fitting.fit import Fitter
from fitting.inputs.images import read_image
from fitting.studio import files
from fitting.studio.dragging import Drags
from fitting.studio.fingers import Fingers
from fitting.studio.instructing import Edits, Instructor
from fitting.studio.part_edits import PartEdits, mirrored
from fitting.studio.parts import HANDS, PARTS, spoken
from fitting.studio.photo_fit import PhotoFit
from fitting.studio.session import RESTING, Instruction, Pose, Session
from fitting.studio.standing import Mannequin, Standing
from qposer import CodePrior
from qposer.body_pose.posed_skeleton import OrientedPose, neutral_pose
from qposer.body_pose.poses import as_matrices
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.control.hand_instructions import HandCheck
from qposer.control.instructions import Check, InstructionError
from qposer.control.instructions.words import LONGEST_TEXT
from qposer.hands.prior import load_hand_prior

_MOST_SHOWN = 80  # characters of an instruction in the name of a pose


class Editor:
    """The actions of the buttons, on a session, with the prior and a body to show.

    Many methods: one for each button.
    """

    def __init__(self, prior: CodePrior, mannequin: Mannequin, seed: int = 0, session: Session | None = None) -> None:
        self.prior = prior
        self.mannequin = mannequin
        self.generator = torch.Generator().manual_seed(seed)
        self.fingers = Fingers(mannequin.body, load_hand_prior(), seed)
        self.session = session or Session([self._judged(Pose(neutral_pose(), "", 0.0), "at ease")])
        self.drags = Drags(prior, mannequin, self.session, self.fingers)
        self.photo: PhotoFit | None = None
        self.loaded: tuple[str, files.FilePoses] | None = None
        """The last file read, with all its poses."""
        self._taken: Pose | None = None  # from that file, not edited since
        self._corrected: Pose | None = None  # of an unfinished correction of the photo
        self._parts = PartEdits(prior, self.fingers, self.generator)
        self._instructor = Instructor(prior, self.fingers, self.generator)
        self._edits: dict[int, Edits] = {}
        self._fitter: Fitter | None = None

    @property
    def shown(self) -> Pose:
        """The shown pose: the current one, or its state during a drag."""
        return self.drags.shown

    def standing(self) -> Standing:
        """The shown body, in the room."""
        return self.drags.standing()

    def energy(self, hand: str = "") -> float:
        """Energy of the shown body under its prior, or of one of `HANDS` under that of hands."""
        return self.fingers.energy(self.shown.hand_pose, hand) if hand else self.shown.energy

    # Buttons.

    def sample(self) -> str:
        """Sample a pose of body and hands."""
        return self._changed(self._parts.sample(self._settled()), "sampled")

    def complete(self, off: Sequence[str]) -> str:
        """Complete the ticked parts from the others.

        Raises:
            ValueError: no part is ticked, or all of the body are.
        """
        if not off:
            raise ValueError("no part is ticked: tick the parts to complete")
        return self._changed(self._parts.complete(self._settled(), off), f"{_listed(off)} guessed")

    def vary(self, parts: Sequence[str], amount: float) -> str:
        """Resample some parts, or body and hands if none is named.

        Args:
            parts: names of parts.
            amount: from 0 (no change) to 1 (as if the parts were unknown).

        Returns:
            The message for the panel.

        Raises:
            ValueError: the amount is not from 0 to 1.
        """
        varied = self._parts.vary(self._settled(), parts or (*PARTS, *HANDS), amount)
        return self._changed(varied, f"{_listed(parts) or 'whole body'} varied")

    def mirror(self) -> str:
        """Swap left and right."""
        return self._changed(mirrored(self._settled()), "mirrored")

    def instruct(self, text: str) -> str:
        """Apply an instruction.

        Raises:
            ValueError: the text is not understood, empty, or too long.
        """
        text, current = " ".join(text.split()), self._settled()
        previous = self._edits.get(self.session.number, ())
        try:
            followed = self._instructor.follow(current, text, previous)
        except InstructionError as error:
            if text:
                kept = Instruction(text[:LONGEST_TEXT], str(error), False, (error.start, error.end))
                self.session.instructions.append(kept)
            raise
        said, checks = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…", followed.checks
        self._changed(followed.pose, f"“{said}”")
        self._edits[self.session.number] = followed.edits
        self.session.instructions.append(Instruction(text, ", ".join(map(_checked, checks)), True))
        missing = [_checked(check) for check in checks if not check.satisfied]
        return f"Done, but for: {', '.join(missing)}." if missing else "Done."

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
        taken = self._parts.take(self._settled(), self.session.pose(number), parts)
        return self._changed(taken, f"{_listed(parts)} of pose {number}")

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
        self.loaded, self._taken = (name, files.read_file_poses(name, content)), None
        return self.choose(0)

    def choose(self, index: int) -> str:
        """Use another pose of the loaded file; it replaces the pose just taken from that file.

        Raises:
            ValueError: no file is loaded, or it has fewer poses.
        """
        if self.loaded is None:
            raise ValueError("no file is loaded: load one first")
        name, poses = self.loaded
        number = len(poses.hand_pose)
        if not 0 <= index < number:
            raise ValueError(f"{name} has no pose {index}: it has poses 0 to {number - 1}")
        pose = self._settled()._replace(hand_pose=poses.hand_pose[index])
        pose = pose._replace(posture=OrientedPose(*(part[index] for part in poses.posture)))
        origin = f"{name}, {index + 1} of {number}" if number > 1 else name
        if self.session.current is not self._taken:
            message = self._changed(pose, origin)
        else:
            self.session.replace(self._judged(pose, origin))
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
            self._fitter = Fitter(prior=self.prior)
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
        hands = None if result.hands is None else torch.from_numpy(result.hands.both).float()
        hand_pose = RESTING if hands is None else axis_angle_to_matrix(hands)
        posture = OrientedPose(body_pose, files.from_camera(result.global_orient))
        pose = self._settled()._replace(posture=posture, hand_pose=hand_pose)
        if self._corrected is not None and self.session.current is self._corrected:
            self.session.replace(self._judged(pose, origin))
            said = f"{origin}."
        else:
            said = self._changed(pose, origin)
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
        pose = self.session.current
        standing = self.mannequin.stand(pose.posture, hand_pose=pose.hand_pose)
        name = f"pose{self.session.number}"
        match kind:
            case "npz":
                return f"{name}.npz", files.npz_file(pose)
            case "AMASS":
                return f"{name}_amass.npz", files.amass_file(pose, standing, self.mannequin)
            case "glb":
                return f"{name}.glb", files.glb_file(standing, self.mannequin)
            case "PNG" if view is not None:
                standing = self.mannequin.stand(pose.posture, pose.place, hand_pose=pose.hand_pose)
                return f"{name}.png", files.png_file(standing, self.mannequin, view)
        raise ValueError(f"unknown kind of file {kind!r}: choose one of npz, AMASS, glb, PNG")

    def _settled(self) -> Pose:
        """The current pose, after the end of a running drag."""
        self.drags.finish()
        return self.session.current

    def _changed(self, pose: Pose, origin: str) -> str:
        """Make a pose the current one."""
        self.session.put(self._judged(pose, origin))
        return f"{origin[0].upper()}{origin[1:]}."

    @torch.no_grad()
    def _judged(self, pose: Pose, origin: str) -> Pose:
        """The pose with its origin and energy."""
        return pose._replace(origin=origin, energy=self.prior.energy(pose.posture.body_pose).item())


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(spoken(part) for part in parts)


def _checked(check: Check | HandCheck) -> str:
    return check.text if check.satisfied else f"{check.text} ({check.after:.0f} {check.unit} off)"
