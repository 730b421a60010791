"""Pose a body in the browser by dragging, text instructions and sampling.

    qposer studio

starts a local server, prints its address, and needs no network. See docs/studio.md for the controls. Every step is
saved in OUT/session.npz; --resume continues that session.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from qposer.io.cli_errors import cli_errors, plain_console
from qposer.io.interrupts import STATUS
from qposer.io.startup import loading

if TYPE_CHECKING:
    from fitting.studio.app import Studio


def main(
    host: str = "127.0.0.1",
    port: int = 8080,
    out: Path = Path("out/studio"),
    resume: bool = False,
    photo: Path | None = None,
    seed: int = 0,
) -> None:
    """Pose a body in the browser.

    Args:
        host: address to listen on. 0.0.0.0 allows access from other machines that have the printed address.
        port: port to listen on; 0 selects a free port.
        out: folder for the session.
        resume: continue the session in that folder; without it, the old session is renamed with its date.
        photo: a photo to fit at the start.
        seed: random seed.
    """
    console = plain_console()
    with ExitStack() as held:
        with cli_errors():
            with loading():
                import torch

                from fitting.body.body import Body
                from fitting.output.folder_lock import output_lock
                from fitting.studio import app
                from fitting.studio.editor import Editor
                from fitting.studio.server import start_server
                from fitting.studio.session import read_session
                from fitting.studio.standing import Mannequin
                from qposer import CodePrior
                from qposer.prior.seeding import generator_of

            torch.set_num_threads(1)
            generator_of(seed)
            held.enter_context(output_lock(out))
            file = out / "session.npz"
            session = read_session(file) if resume else None
            server = start_server(host, port)
            if file.exists() and not resume:
                ended = datetime.fromtimestamp(file.stat().st_mtime)
                file.replace(out / f"session-{ended:%Y-%m-%d-%H-%M-%S}.npz")
            editor = Editor(CodePrior.from_pretrained(), Mannequin(Body.open(hands=True)), seed, session)
            if photo is not None:
                editor.fit(photo.name, photo.read_bytes())
        with cli_errors():
            studio = app.Studio(server, editor, file)
            console.print(f"{studio.url} (Ctrl+C stops it; the session is saved in {file})")
            try:
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                if not _closed(studio):  # the remaining thread would block the interpreter's exit
                    line = f"studio: stopped; the unfinished step was dropped, earlier steps are saved in {file}"
                    plain_console(stderr=True).print(line, style="red")
                    os._exit(STATUS)
                raise


def _closed(studio: Studio) -> bool:
    """Close the studio; return whether it closed cleanly, without another Ctrl+C."""
    try:
        return studio.close()
    except KeyboardInterrupt:
        return False


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
