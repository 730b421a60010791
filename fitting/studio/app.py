"""The studio: one session and one worker, shown in any number of browser tabs."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import viser

from fitting.studio.cameras import look_at, view_of
from fitting.studio.editor import Editor
from fitting.studio.messages import LARGEST_UPLOAD, FileTransferStartUpload
from fitting.studio.panel import VIEWS, Panel, set_value
from fitting.studio.parts import joints_of, spoken
from fitting.studio.photo_fit import Place
from fitting.studio.scene import Scene, photo_size
from fitting.studio.server import StudioServer
from fitting.studio.session import write_session
from fitting.studio.standing import Point
from fitting.studio.worker import Worker

SECONDS_SHOWN = 12.0
"""How long a notification stays visible."""

SECONDS_TO_FINISH = 5.0
"""How long `Studio.close` waits for the running job."""


class Studio:
    """Connects browser events to the editor, and the editor's state to the browsers."""

    def __init__(self, server: StudioServer, editor: Editor, session_file: Path) -> None:
        self.editor = editor
        self.worker = Worker()
        self._server = server
        self._session_file = session_file
        self._saved: tuple[int, ...] = ()
        self._status = "Drag a ball, or type an instruction."
        self._hand = ""
        """The hand that is looked at."""
        self._dragged_from: dict[str, Place] = {}
        self._grabbed: dict[tuple[int, str], tuple[float, float, float]] = {}
        self._scene = Scene(server, editor.mannequin, editor.standing())
        self._panel = Panel(server)
        self._bind()
        self._admit()
        self.worker.do(self._refresh)

    @property
    def url(self) -> str:
        """Address of the studio, with its token."""
        return self._server.url

    def close(self) -> bool:
        """Disconnect all browsers; return whether the running job finished within `SECONDS_TO_FINISH`."""
        finished = self.worker.stop(SECONDS_TO_FINISH)
        self._server.stop()
        return finished

    def _do(self, client: viser.ClientHandle | None, action: Callable[[], str], key: str | None = None) -> None:
        """Queue an action for the worker and show its result; errors are reported to the client."""
        self.worker.do(lambda: self._done(client, action), key)

    def _done(self, client: viser.ClientHandle | None, action: Callable[[], str]) -> None:
        try:
            self._status = action() or self._status
            self._refresh()
        except (ValueError, OSError) as error:
            self._notify(client, "That did not work", str(error))
        except Exception as error:
            traceback.print_exc()
            self._notify(client, "Something broke; your poses are safe", f"{type(error).__name__}: {error}")

    def _notify(self, client: viser.ClientHandle | None, title: str, sentence: str) -> None:
        self._status = sentence
        self._refresh()
        if client is not None and client.client_id in self._server.get_clients():
            client.add_notification(title, sentence, color="red", auto_close_seconds=SECONDS_SHOWN)

    def _refresh(self) -> None:
        """Save the session and update what is shown."""
        try:
            self._keep()
            self._show()
        except Exception:
            traceback.print_exc()

    def _show(self) -> None:
        editor, panel, drag = self.editor, self._panel, self.editor.drags.drag
        self._scene.show(editor.standing(), editor.drags.pins, drag.pulled if drag else {}, self._hand)
        panel.show_view(self._hand)
        self._scene.tint(joints_of(panel.ticked()))
        chosen = panel.chosen()
        self._scene.show_earlier(None if chosen is None else editor.session.pose(chosen))
        panel.show_photo(editor.photo)
        self._scene.show_photo(editor.photo if panel.beside.value else None)
        panel.show(editor.energy(self._hand), self._status, editor.session, self._hand)

    def _keep(self) -> None:
        session = self.editor.session
        state = len(session.poses), session.step, len(session.instructions), id(session.current)
        if state == self._saved:
            return
        try:
            write_session(self._session_file, session)
            self._saved = state
        except OSError as error:
            self._status = f"The session cannot be saved: {error}."

    # Event handlers. They are coroutines because viser keeps the order of coroutines.

    def _bind(self) -> None:
        panel, editor = self._panel, self.editor
        self._on_instruction(panel)
        self._on_choice(panel.steps, {"undo": editor.undo, "redo": editor.redo})
        whole = {"sample": editor.sample, "mirror": editor.mirror}
        self._on_choice(panel.whole, whole | {"vary": lambda: editor.vary([], panel.amount.value)})
        parts = {"complete": lambda: editor.complete(panel.ticked()), "vary": self._vary_ticked}
        self._on_choice(panel.parts, parts)
        self._on(panel.view, lambda event: self._look(event.client, event.target.value))
        self._on_choice(panel.reuse, {"ticked parts": self._take, "whole pose": self._go_to})
        for widget in (*panel.off.values(), panel.beside, panel.earlier):
            self._on(widget, lambda _: "")  # it only changes what is shown
        for box in panel.locks.values():
            self._on(box, lambda _: self._lock())
        self._on_upload(panel.load, self._load)
        self._on_upload(panel.photo, self._fit)
        self._on(panel.hypothesis, lambda _: self._hypothesis())
        self._on(panel.fit, lambda _: self._fit_again())
        self._on(panel.frame, lambda event: editor.choose(int(event.target.value)), "frame")
        self._on(panel.save, self._save)
        self._on_key(panel.undo_key, editor.undo)
        self._on_key(panel.redo_key, editor.redo)
        for name, ball in self._scene.balls.items():
            self._on_ball(name, ball)
        for name, ball in self._scene.keypoints.items():
            self._on_keypoint(name, ball)

    def _admit(self) -> None:
        """Allow messages for the existing widgets and nodes."""
        rules, panel = self._server.rules, self._panel
        rules.values, rules.commands, rules.uploads = panel.values(), panel.commands(), panel.uploads()
        rules.nodes = {ball.name for ball in (*self._scene.balls.values(), *self._scene.keypoints.values())}
        rules.too_large = self._refuse

    def _refuse(self, start: FileTransferStartUpload) -> None:
        """Report that a file is too large."""
        self._server.drop_upload(start)
        size, most = start.size_bytes / 1e6, LARGEST_UPLOAD / 1e6
        sentence = f"{start.filename} is {size:.0f} MB: give a file of at most {most:.0f} MB"
        for client in self._server.get_clients().values():
            self.worker.do(functools.partial(self._notify, client, "That did not work", sentence))

    def _on(self, widget: Any, action: Callable[[viser.GuiEvent[Any]], str], key: str | None = None) -> None:
        async def happened(event: viser.GuiEvent[Any]) -> None:
            if event.client is not None:  # None if the server changed the widget
                self._do(event.client, lambda: action(event), key)

        (widget.on_click if hasattr(widget, "on_click") else widget.on_update)(happened)

    def _on_choice(self, group: viser.GuiButtonGroupHandle, actions: dict[str, Callable[[], str]]) -> None:
        async def happened(event: viser.GuiEvent[Any]) -> None:
            action = actions.get(event.target.value)
            if action is not None:
                self._do(event.client, action)

        group.on_click(happened)

    def _on_instruction(self, panel: Panel) -> None:
        async def on_text(event: viser.GuiEvent[Any]) -> None:
            text = panel.text.value.replace("\n", " ").strip()
            set_value(panel.text, text)
            self._do(event.client, lambda: self._instruct(text))

        async def typed(event: viser.GuiEvent[Any]) -> None:
            # Enter arrives as part of the text, because a separate message could replace that of the last letters.
            if event.client is not None and "\n" in panel.text.value:
                await on_text(event)

        panel.text.on_update(typed)
        panel.do.on_click(on_text)

    def _on_upload(self, button: viser.GuiUploadButtonHandle, action: Callable[[str, bytes], str]) -> None:
        async def happened(event: viser.GuiEvent[Any]) -> None:
            file = button.value
            self._do(event.client, lambda: f"Reading {file.name} …")
            self._do(event.client, lambda: action(file.name, file.content))

        button.on_upload(happened)

    def _on_key(self, command: viser.CommandHandle, action: Callable[[], str]) -> None:
        async def happened(event: viser.CommandEvent) -> None:
            self._do(event.client, action)

        command.on_trigger(happened)

    def _on_ball(self, name: str, ball: viser.IcosphereHandle) -> None:
        async def dragged(event: viser.SceneNodeDragEvent[viser.IcosphereHandle]) -> None:
            self._dragged(name, event)

        async def clicked(event: viser.SceneNodePointerEvent[viser.IcosphereHandle]) -> None:
            self._do(event.client, lambda: self.editor.drags.toggle_pin(name))

        ball.on_drag(dragged)
        ball.on_click(clicked)

    def _dragged(self, name: str, event: viser.SceneNodeDragEvent[viser.IcosphereHandle]) -> None:
        client, drags, held = event.client, self.editor.drags, (event.client_id, name)
        if event.phase == "start":
            self._grabbed[held] = event.start_position
            self._do(client, lambda: drags.grab(name))
        if held not in self._grabbed:
            return
        grabbed, now = self._grabbed[held], event.end_position
        self._do(client, lambda: drags.pull(name, _way(grabbed, now)), f"pull {name}")
        if event.phase == "end":
            del self._grabbed[held]
            self._do(client, lambda: drags.release(name))

    def _on_keypoint(self, name: str, ball: viser.IcosphereHandle) -> None:
        async def dragged(event: viser.SceneNodeDragEvent[viser.IcosphereHandle]) -> None:
            held, done = (event.client_id, name), event.phase == "end"
            if event.phase == "start":
                self._grabbed[held] = event.start_position  # in later events, it moves with the ball
                return
            if held not in self._grabbed:
                return
            grabbed, now = self._grabbed[held], event.end_position
            if done:
                del self._grabbed[held]
            key = None if done else f"keypoint {name}"
            self._do(event.client, lambda: self._keypoint(name, _way(grabbed, now), done), key)

        async def clicked(event: viser.SceneNodePointerEvent[viser.IcosphereHandle]) -> None:
            self._do(event.client, lambda: self.editor.correct(lambda photo: photo.toggle(name)))

        ball.on_drag(dragged)
        ball.on_click(clicked)

    def _keypoint(self, name: str, way: Point, done: bool) -> str:
        """Move a keypoint of the photo by a vector of the room from where it was when the drag began."""
        photo = self.editor.photo
        if photo is None:
            return ""
        start = self._dragged_from.setdefault(name, photo.places[name])
        if done:
            del self._dragged_from[name]
        wide, high = photo_size(photo)
        place = start + np.array([way[0] / wide, -way[1] / high])
        return self.editor.correct(lambda fit: fit.drag(name, place), done)

    def _fit(self, name: str, content: bytes) -> str:
        said = self.editor.fit(name, content)
        set_value(self._panel.known, "")
        set_value(self._panel.height, 0.0)
        return said

    def _hypothesis(self) -> str:
        chosen = self._panel.hypothesis
        index = tuple(chosen.options).index(chosen.value) if chosen.value in chosen.options else -1
        return self.editor.correct(lambda photo: photo.choose(index))

    def _fit_again(self) -> str:
        text, height = self._panel.known.value, self._panel.height.value
        return self.editor.correct(lambda photo: photo.tell(text, height))

    def _instruct(self, text: str) -> str:
        message = self.editor.instruct(text)
        if self._panel.text.value == text:
            set_value(self._panel.text, "")
        return message

    def _look(self, client: viser.ClientHandle | None, label: str) -> str:
        """Look at a hand or at the whole body, with the camera of one tab."""
        self._hand = VIEWS[label]
        if client is not None:
            look_at(client, self.editor.mannequin, self.editor.standing(), self._hand)
        return f"Drag a fingertip of the {spoken(self._hand)}." if self._hand else "Drag a ball."

    def _vary_ticked(self) -> str:
        ticked = self._panel.ticked()
        if not ticked:
            raise ValueError("no part is ticked: tick the parts to vary")
        return self.editor.vary(ticked, self._panel.amount.value)

    def _chosen(self) -> int:
        chosen = self._panel.chosen()
        if chosen is None:
            raise ValueError("no earlier pose is chosen: choose one")
        return chosen

    def _take(self) -> str:
        return self.editor.take(self._chosen(), self._panel.ticked())

    def _go_to(self) -> str:
        return self.editor.go_to(self._chosen())

    def _lock(self) -> str:
        self.editor.drags.locks = set(self._panel.locked())
        return ""

    def _load(self, name: str, content: bytes) -> str:
        message = self.editor.load(name, content)
        assert self.editor.loaded is not None
        self._panel.show_file(len(self.editor.loaded[1].hand_pose))
        return message

    def _save(self, event: viser.GuiEvent[Any]) -> str:
        kind, client = event.target.value, event.client
        assert client is not None
        name, content = self.editor.file(kind, view_of(client) if kind == "PNG" else None)
        client.send_file_download(name, content, save_immediately=True)
        return f"Saved as {name}."


def _way(start: Sequence[float], end: Sequence[float]) -> Point:
    """The vector from one point of the room to another.

    Raises:
        ValueError: the browser sent invalid points.
    """
    try:
        way: np.ndarray = np.array(end, dtype=float) - np.array(start, dtype=float)
        return way
    except (TypeError, ValueError):
        raise ValueError("the browser sent an invalid point") from None
