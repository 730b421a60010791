"""What can be done to a pose in the studio. Nothing of a screen: actions change the session and say what they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from demos.pose_studio import files
from demos.pose_studio.dragging import Drag, spoken
from demos.pose_studio.session import Instruction, Pose, Session
from demos.pose_studio.standing import HANDLES, Mannequin, Point, Standing
from fitting.fit import Fitter
from fitting.inputs.images import read_image
from fitting.output.pictures import cut_around, fit_pictures
from fitting.output.render import Picture
from qposer import CodePrior
from qposer.body_pose.posed_skeleton import OrientedPose, neutral_pose
from qposer.body_pose.poses import as_matrices
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.control import edits
from qposer.control.instructions import Check, Edit, InstructionError, instruct
from qposer.control.instructions.words import LONGEST_TEXT
from qposer.control.inverse_kinematics import solve_ik

PARTS = ("left_arm", "right_arm", "left_leg", "right_leg", "torso", "head")
"""What can be switched off or held still: each joint belongs to one."""

SHORT = 0.02
"""Metres that a point may end from its target before it is said that it fell short."""

SETTLING, SETTLED, SMALLER_STEPS = 3, 0.005, 6
"""How many more solves there may be when a drag ends; how many metres are worth one; and the steps of a second try."""

_MOST_SHOWN = 80  # characters of an instruction in the name of a pose


class Photo(NamedTuple):
    """A photo that was fitted."""

    name: str
    picture: Picture
    """With the body on it, cut to the person."""


class Editor:
    """A session, the prior, and a body to show: what the buttons do."""

    def __init__(self, prior: CodePrior, mannequin: Mannequin, seed: int = 0, session: Session | None = None) -> None:
        self.prior = prior
        self.mannequin = mannequin
        self.generator = torch.Generator().manual_seed(seed)
        self.session = session or Session([self._pose(neutral_pose(), "at ease")])
        self.pins: set[str] = {"left_foot", "right_foot"}
        self.locks: set[str] = set()
        """Parts that a drag does not bend."""
        self.photo: Photo | None = None
        self.drag: Drag | None = None
        self.loaded: tuple[str, OrientedPose] | None = None
        """The file that was read last, with all its poses."""
        self._taken: Pose | None = None  # from that file, with nothing done since
        self._live = self.session.current
        self._short: dict[str, float] = {}
        self._edits: dict[int, Edit] = {}
        self._fitter: Fitter | None = None

    @property
    def shown(self) -> Pose:
        """What is to be seen: the current pose, or what a drag has made of it so far."""
        return self._live

    def standing(self) -> Standing:
        """The body to be seen, in the room."""
        pelvis = self.drag.pelvis if self.drag else None
        return self.mannequin.stand(self._live.posture, self._live.place, pelvis)

    # Drags.

    def grab(self, handle: str) -> str:
        """Take hold of a handle."""
        if self.drag is None:
            self.drag = Drag(self.standing(), frozenset(self.pins))
        self.drag.hands_on.add(handle)
        return f"Dragging the {spoken(handle)}."

    def pull(self, handle: str, by: Point) -> str:
        """Pull a handle that is held; says what falls short.

        Args:
            handle: name of the handle.
            by: metres from where it was at the start, in the axes of the room.

        Returns:
            The message for the panel.

        Raises:
            ValueError: it is not pulled to a place, or nothing that could follow may.
        """
        if self.drag is None or handle not in self.drag.hands_on:
            return ""
        before = dict(self.drag.held)
        self.drag.pull(handle, by)
        try:
            self._follow()
        except BaseException:
            self.drag.held = before
            raise
        return self._shortfall() or f"Dragging the {spoken(handle)}."

    def release(self, handle: str) -> str:
        """Let go of a handle; with the last one the pose becomes the current one, its lowest point on the ground."""
        if self.drag is None or handle not in self.drag.hands_on:
            return ""
        self.drag.hands_on.remove(handle)
        if self.drag.hands_on:
            return ""
        try:
            self._settle()
        finally:
            said = self._commit_drag()
        return said

    def _follow(self, share: float = 1.0) -> None:
        """Have the body go where the handles are, or a share of the way there."""
        assert self.drag is not None
        posture, energy = self._live.posture, self._live.energy
        if targets := self.drag.targets(share):
            solution = solve_ik(posture, targets, sorted(self.locks), prior=self.prior)
            posture, energy, self._short = solution.posture, solution.energy, dict(solution.distance)
        self._live = Pose(posture, "", energy, (float(self.drag.pelvis[0]), float(self.drag.pelvis[2])))

    def _settle(self) -> None:
        """What there was no time for while the pointer moved: as close as can be, or once more in smaller steps."""
        for _ in range(SETTLING):
            before = self._worst
            if before > SETTLED:
                self._follow()
            if self._worst > before - SETTLED:
                break
        if self._worst <= SHORT:
            return
        ended, worst, closer = (self._live, self._short), self._worst, False
        self._live = self.session.current
        try:
            for step in range(SMALLER_STEPS):
                self._follow((step + 1) / SMALLER_STEPS)
            closer = self._worst < worst - SETTLED
        finally:
            if not closer:
                self._live, self._short = ended

    @property
    def _worst(self) -> float:
        return max(self._short.values(), default=0.0)

    def _commit_drag(self) -> str:
        if self.drag is None:
            return ""
        moved, short = sorted(self.drag.held), self._shortfall()
        self.drag, self._short = None, {}
        if not moved:
            return ""
        names = " and ".join(spoken(name) for name in moved)
        self._put(self._live._replace(origin=f"{names} dragged"))
        return short or f"{names[0].upper()}{names[1:]} moved."

    def _shortfall(self) -> str:
        if self.drag is None:
            return ""
        far = {h: self._short.get(HANDLES[h].joint, 0.0) for h in self.drag.held if h != "pelvis"}
        worst = max(far, key=far.__getitem__, default="")
        if not worst or far[worst] <= SHORT:
            return ""
        return f"The {spoken(worst)} reaches as far as it can: it is {far[worst]:.2f} m short."

    def toggle_pin(self, handle: str) -> str:
        """Pin a handle where it is, or free it."""
        if handle == "pelvis":
            return "The pelvis needs no pin: it only moves when you drag it."
        self.pins ^= {handle}
        stays = handle in self.pins
        return f"The {spoken(handle)} {'stays where it is' if stays else 'follows'} while you drag others."

    # Buttons.

    @torch.no_grad()
    def sample(self) -> str:
        """Draw a pose."""
        drawn = self.prior.sample(1, generator=self.generator)[0]
        return self._changed(OrientedPose(drawn, torch.eye(3)), "sampled", place=(0.0, 0.0))

    @torch.no_grad()
    def complete(self, off: Sequence[str]) -> str:
        """Guess the parts that are switched off from the others.

        Raises:
            ValueError: none is off, or all are.
        """
        if not off:
            raise ValueError("no part is switched off: tick the parts to guess")
        known = torch.ones(NUM_BODY_JOINTS, dtype=torch.bool)
        known[edits.joints_of(off)] = False
        posture = self.session.current.posture
        body_pose = self.prior.complete(posture.body_pose, known, generator=self.generator)[0]
        return self._changed(posture._replace(body_pose=body_pose), f"{_listed(off)} guessed")

    @torch.no_grad()
    def vary(self, parts: Sequence[str], amount: float) -> str:
        """Draw other versions of some parts, or of all where none is named.

        Args:
            parts: names of parts.
            amount: from 0, no change, to 1, as if the parts were not known.

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
        posture = self.session.current.posture
        flip = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
        turned = flip @ posture.global_orient @ flip
        return self._changed(OrientedPose(edits.mirror(posture.body_pose), turned), "mirrored")

    def instruct(self, text: str) -> str:
        """Do what the text says.

        Raises:
            ValueError: it is not understood, empty, or too long.
        """
        text = " ".join(text.split())
        self._commit_drag()
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
            number: of the pose in the session.
            parts: names of parts.

        Returns:
            The message for the panel.

        Raises:
            ValueError: there is no such pose, or no part is named.
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
        self._commit_drag()
        self._put(earlier._replace(origin=f"pose {number} again"))
        return f"Back at pose {number}: {earlier.origin}."

    def undo(self) -> str:
        """Go one step back; a drag at hand counts as one."""
        self._commit_drag()
        undone = self.session.current.origin
        self.session.undo()
        self._live = self.session.current
        return f"Undone: {undone}."

    def redo(self) -> str:
        """Go forward again."""
        self._commit_drag()
        self.session.redo()
        self._live = self.session.current
        return f"Done again: {self._live.origin}."

    # Files.

    def load(self, name: str, content: bytes) -> str:
        """Take the first pose of a file.

        Args:
            name: of the file.
            content: of the file.

        Returns:
            The message for the panel.

        Raises:
            ValueError: it is no file of poses.
        """
        self.loaded, self._taken = (name, files.read_oriented_poses(name, content)), None
        return self.choose(0)

    def choose(self, index: int) -> str:
        """Take another pose of the file that was loaded, in the place of the one that was just taken from it.

        Raises:
            ValueError: none was loaded, or it has fewer poses.
        """
        if self.loaded is None:
            raise ValueError("no file was loaded yet")
        name, postures = self.loaded
        number = len(postures.body_pose)
        if not 0 <= index < number:
            raise ValueError(f"{name} has poses 0 to {number - 1}: there is no {index}")
        posture = OrientedPose(postures.body_pose[index], postures.global_orient[index])
        origin = f"{name}, {index + 1} of {number}" if number > 1 else name
        self._commit_drag()
        if self.session.current is not self._taken:
            said = self._changed(posture, origin)
        else:
            self._live = self._pose(posture, origin, self._taken.place)
            self.session.replace(self._live)
            said = f"{origin}."
        self._taken = self._live
        return said

    def fit(self, name: str, content: bytes) -> str:
        """Fit the largest person on a photo, and take that pose.

        Args:
            name: of the photo.
            content: of the photo's file.

        Returns:
            The message for the panel.

        Raises:
            ValueError: it is no photo, or nobody is on it.
        """
        with files.as_file(name, content) as path:
            photo = read_image(path)
        if self._fitter is None:
            self._fitter = Fitter(self.mannequin.body, self.prior)
        (result,) = self._fitter.fit_photo(photo)
        body_pose = torch.from_numpy(result.body_pose)
        overlay = fit_pictures(photo, [result])[0]["overlay"]
        corners = result.keypoints.boxes[0].reshape(2, 2) * overlay.shape[1] / photo.width
        self.photo = Photo(name, cut_around(overlay, corners))
        posture = OrientedPose(as_matrices(body_pose), files.from_camera(result.global_orient))
        said = self._changed(posture, name)
        return f"{said[:-1]}: its landmarks are {result.reprojection_error_percent:.1f} % of the person's height off."

    def file(self, kind: str, view: files.View | None = None) -> tuple[str, bytes]:
        """The current pose as a file of a kind of `KINDS`: its name and its content.

        Args:
            kind: of the file.
            view: the camera of a picture.

        Returns:
            Name and content.

        Raises:
            ValueError: there is no such kind, or a picture cannot be taken from there.
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
        raise ValueError(f"there are no files of the kind {kind!r}: choose one of npz, AMASS, glb, PNG")

    def _changed(self, posture: OrientedPose, origin: str, place: tuple[float, float] | None = None) -> str:
        self._commit_drag()
        self._put(self._pose(posture, origin, place or self.session.current.place))
        return f"{origin[0].upper()}{origin[1:]}."

    def _put(self, pose: Pose) -> None:
        self.session.put(pose)
        self._live = pose

    @torch.no_grad()
    def _pose(self, posture: OrientedPose, origin: str, place: tuple[float, float] = (0.0, 0.0)) -> Pose:
        return Pose(posture, origin, self.prior.energy(posture.body_pose).item(), place)


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(spoken(part) for part in parts)


def _checked(check: Check) -> str:
    return check.text if check.satisfied else f"{check.text} ({check.after:.0f} {check.unit} off)"
