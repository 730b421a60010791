"""The panel in the browser: information about the pose, and the controls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import viser

from fitting.optimise.settings import TALLEST
from fitting.studio.parts import FINGERS_OF, FINGERTIPS, HANDS, PARTS, spoken
from fitting.studio.photo_fit import PhotoFit
from fitting.studio.scene import FREE, PINNED, TICKED
from fitting.studio.session import Instruction, Session

KINDS = ("npz", "AMASS", "glb", "PNG")

VIEWS = {"whole body": "", **{spoken(hand): hand for hand in HANDS}}
"""What the camera can look at: labels, and the hand."""

NONE = "–"
"""No earlier pose."""

_SHOWN_INSTRUCTIONS = 50
_SHOWN_POSES = 500
_JUDGEMENTS = (0.5, "Typical"), (1.0, "Less typical"), (2.0, "Rare"), (4.0, "Very rare")
_ENDS = -1.5, 5.0  # of the gauge
_MARK = {True: "✓", False: "✗"}
_TROUBLE = "text-decoration: underline wavy #d33;"
_BOX = "margin: 0.3em 0.9em 0.6em; font-size: 0.85em; line-height: 1.35;"


class Panel:
    """The widgets, without their actions."""

    def __init__(self, server: viser.ViserServer) -> None:
        gui = server.gui
        gui.configure_theme(
            show_logo=False, show_share_button=False, control_width="medium", brand_color=(40, 105, 190)
        )
        self._gauge = gui.add_html("")
        self._status = gui.add_html("")
        gui.add_html(legend())
        hint = "For instance: raise the left arm, bend both knees 60 degrees"
        self.text = gui.add_text("Instruction", "", multiline=True, hint=hint)
        self.do = gui.add_button("Do it", icon=viser.Icon.PLAYER_PLAY)
        self._said = gui.add_html("")
        self.steps = gui.add_button_group("Steps", ("undo", "redo"))
        self.whole = gui.add_button_group("Whole body", ("sample", "vary", "mirror"))
        self.view = gui.add_button_group("Look at", tuple(VIEWS), hint="A hand shows handles at its fingertips")
        tabs = gui.add_tab_group()
        with tabs.add_tab("Parts"):
            self.off = {part: gui.add_checkbox(spoken(part), False) for part in (*PARTS, *HANDS)}
            self.off |= {part: gui.add_checkbox(spoken(part), False, visible=False) for part in FINGERTIPS}
            self.parts = gui.add_button_group("Ticked parts", ("complete", "vary"), hint="Guess them from the others")
            self.amount = gui.add_slider("How far", 0.05, 1.0, 0.05, 0.5, hint="How strongly vary changes the pose")
        with tabs.add_tab("Hold"):
            gui.add_html(f'<div style="{_BOX}">Parts that stay unchanged while you drag:</div>')
            self.locks = {part: gui.add_checkbox(spoken(part), False) for part in (*PARTS, *HANDS)}
            gui.add_html(f'<div style="{_BOX}">Click a ball to pin its point in space (dark), or to free it.</div>')
        with tabs.add_tab("Earlier"):
            self.earlier = gui.add_dropdown("Pose", (NONE,), hint="Shown pale on the right")
            self.reuse = gui.add_button_group("Take", ("ticked parts", "whole pose"))
        with tabs.add_tab("Files"):
            self.photo = gui.add_upload_button("Photo to fit", icon=viser.Icon.PHOTO, mime_type="image/*")
            self.load = gui.add_upload_button("Pose to load (npz)", icon=viser.Icon.UPLOAD, mime_type=".npz")
            self.beside = gui.add_checkbox("Photo beside", True, visible=False)
            self.hypothesis = gui.add_dropdown("Hypothesis", (NONE,), visible=False, hint="Bodies that fit the photo")
            self.known = gui.add_text("Known", "", visible=False, hint="For instance: left foot on the floor")
            self.height = gui.add_number(
                "Height in m", 0.0, min=0.0, max=TALLEST, step=0.01, visible=False, hint="0: unknown"
            )
            self.fit = gui.add_button("Fit again", icon=viser.Icon.REFRESH, visible=False)
            self.frame = gui.add_slider("Pose of the file", 0, 1, 1, 0, visible=False)
            self.save = gui.add_button_group("Save as", KINDS)
        self.undo_key = gui.add_command("Undo", hotkey="Z", modifier="cmd/ctrl")
        self.redo_key = gui.add_command("Redo", hotkey="Z", modifier="cmd/ctrl+shift")

    def values(self) -> dict[str, Callable[[Any], bool]]:
        """For each widget that the browser can set, by UUID: whether a value is valid."""
        boxes = *self.off.values(), *self.locks.values(), self.beside
        texts = self.text, self.earlier, self.hypothesis, self.known
        groups = self.steps, self.whole, self.view, self.parts, self.reuse, self.save
        return (
            {_uuid(button): lambda value: value is True for button in (self.do, self.fit)}
            | {_uuid(box): lambda value: isinstance(value, bool) for box in boxes}
            | {_uuid(slider): _is_number for slider in (self.amount, self.frame, self.height)}
            | {_uuid(field): lambda value: isinstance(value, str) for field in texts}
            | {_uuid(group): tuple(group.options).__contains__ for group in groups}
        )

    def uploads(self) -> set[str]:
        """UUIDs of the upload buttons."""
        return {_uuid(self.photo), _uuid(self.load)}

    def commands(self) -> set[str]:
        """UUIDs of the keys."""
        return {_uuid(self.undo_key), _uuid(self.redo_key)}

    def ticked(self) -> list[str]:
        """The ticked parts, of those that can be seen."""
        return [part for part, box in self.off.items() if box.value and box.visible]

    def locked(self) -> list[str]:
        """The locked parts."""
        return [part for part, box in self.locks.items() if box.value]

    def chosen(self) -> int | None:
        """The number of the selected earlier pose, if any."""
        known = self.earlier.value != NONE and self.earlier.value in self.earlier.options
        return int(self.earlier.value.partition(" ")[0]) if known else None

    def show_view(self, hand: str) -> None:
        """Show the boxes of the fingers of a hand that is looked at, or those of the body's parts."""
        for part, box in self.off.items():
            box.visible = part in FINGERS_OF.get(hand, (*PARTS, *HANDS))

    def show(self, energy: float, status: str, session: Session, hand: str = "") -> None:
        """Show the energy, the status and the session.

        Args:
            energy: energy of the pose under the prior.
            status: status sentence.
            session: the poses so far.
            hand: the hand whose energy it is; default: that of the body.
        """
        _set(self._gauge, "content", gauge(energy, hand))
        _set(self._status, "content", f'<div style="{_BOX}">{escape(status)}</div>')
        _set(self._said, "content", said(session.instructions))
        names = pose_names(session)
        if tuple(self.earlier.options) != names:
            chosen = self.earlier.value.partition(" ")[0]
            self.earlier.options = names
            set_value(self.earlier, next((name for name in names if name.partition(" ")[0] == chosen), NONE))

    def show_photo(self, photo: PhotoFit | None) -> None:
        """Show the controls of a fitted photo, and its hypotheses."""
        for widget in (self.beside, self.hypothesis, self.known, self.height, self.fit):
            widget.visible = photo is not None
        if photo is None:
            return
        names = tuple(f"{rank} · {body.probability:.0%}" for rank, body in enumerate(photo.hypotheses, start=1))
        if tuple(self.hypothesis.options) != names:
            self.hypothesis.options = names
            set_value(self.hypothesis, names[0])

    def show_file(self, poses: int) -> None:
        """Show the slider that selects a pose of a file with several."""
        if poses > 1:
            self.frame.max = poses - 1
            set_value(self.frame, 0)
        self.frame.visible = poses > 1


def pose_names(session: Session) -> tuple[str, ...]:
    """`NONE`, then the session's poses, newest first, each with its number."""
    newest = list(enumerate(session.poses))[: -_SHOWN_POSES - 1 : -1]
    return NONE, *(f"{number} · {pose.origin} · {pose.energy:.1f}" for number, pose in newest)


def gauge(energy: float, hand: str = "") -> str:
    """A bar from typical to implausible, with a mark.

    Args:
        energy: where the mark is.
        hand: the hand whose energy it is; default: that of the body.

    Returns:
        HTML.
    """
    low, high = _ENDS
    at = 100.0 * min(max((energy - low) / (high - low), 0.0), 1.0)
    return (
        f'<div style="{_BOX}" data-energy="{energy:.4f}">'
        f'<div style="display: flex; justify-content: space-between;"><b>{judgement(energy)}</b>'
        f'<span style="opacity: 0.65;">energy {f"of the {spoken(hand)} " if hand else ""}{energy:.2f}</span></div>'
        '<div style="position: relative; height: 0.7em; margin-top: 0.35em; border-radius: 0.35em; '
        'background: linear-gradient(90deg, #2f9e6e 0%, #8cc26a 25%, #f2c14e 45%, #e8704f 75%, #b8323b 100%);">'
        f'<div style="position: absolute; left: calc({at:.1f}% - 0.15em); top: -0.2em; width: 0.3em; height: 1.1em; '
        'border-radius: 0.15em; background: #222; outline: 1.5px solid #fff;"></div></div></div>'
    )


def legend() -> str:
    """Legend of the colours."""
    dots = "".join(
        f'<span style="white-space: nowrap; margin-right: 0.9em;"><span style="display: inline-block; width: 0.7em; '
        f'height: 0.7em; border-radius: 50%; background: rgb{colour};"></span> {words}</span>'
        for colour, words in ((FREE, "drag"), (PINNED, "pinned: click to change"), (TICKED, "ticked part"))
    )
    return f'<div style="{_BOX} opacity: 0.8;">{dots}</div>'


def judgement(energy: float) -> str:
    """An energy in words: 0 is the median of recorded poses, 1 their 95th percentile."""
    return next((words for below, words in _JUDGEMENTS if energy < below), "Implausible")


def said(instructions: Sequence[Instruction]) -> str:
    """The last instructions, newest first, with their outcomes."""
    lines = [
        f'<div style="margin-bottom: 0.25em;"><b>{_MARK[instruction.understood]} {_marked(instruction)}</b>'
        f'<br><span style="opacity: 0.65;">{escape(instruction.outcome)}</span></div>'
        for instruction in instructions[: -_SHOWN_INSTRUCTIONS - 1 : -1]
    ]
    return f'<div style="{_BOX} max-height: 8.5em; overflow-y: auto;">{"".join(lines)}</div>' if lines else ""


def _marked(instruction: Instruction) -> str:
    """The text, underlined where it was not understood."""
    text, (start, end) = instruction.text, instruction.trouble
    before, trouble, after = escape(text[:start]), escape(text[start:end]), escape(text[end:])
    return f'{before}<span style="{_TROUBLE}">{trouble}</span>{after}' if trouble else escape(text)


def _uuid(handle: Any) -> str:
    """The UUID of a widget or key in messages; viser has no public attribute for it."""
    uuid: str = handle._impl.uuid
    return uuid


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def set_value(widget: Any, value: str | float) -> None:
    """Give a widget a value, in all tabs.

    Args:
        widget: a handle of viser.
        value: new value.
    """
    widget.value = value  # mypy treats the widgets' values as read-only


def _set(widget: viser.GuiHtmlHandle, name: str, value: str) -> None:
    """Set an attribute only if it changes, to avoid a message."""
    if getattr(widget, name) != value:
        setattr(widget, name, value)
