"""Pose a body in the browser: drag it, tell it, sample it.

    python demos/studio.py

says where to point a browser, on this machine, and needs no network. docs/studio.md tells what there is to do there.
The session is kept in OUT/session.npz after every step; --resume goes on with it.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from qposer.io.interrupts import STATUS, end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

import tyro

from qposer.io.cli_errors import plain_console

if TYPE_CHECKING:
    from demos.pose_studio.app import Studio


def main(
    host: str = "127.0.0.1", port: int = 8080, out: Path = Path("out/studio"), resume: bool = False, seed: int = 0
) -> None:
    """Pose a body in the browser.

    Args:
        host: where to listen. 0.0.0.0 lets in all who can reach this machine and have the printed address.
        port: where to listen; 0 takes any that is free.
        out: folder for the session.
        resume: go on with the session in that folder; without it, that session is set aside under its date.
        seed: of what is drawn.

    Raises:
        ValueError: viser is not installed.
    """
    from qposer.io.cli_errors import cli_errors

    console = plain_console()
    with ExitStack() as held:
        with cli_errors("studio"):
            try:
                import viser  # noqa: F401
            except ImportError:
                raise ValueError("viser is not installed: pip install viser") from None
            import torch

            from demos.pose_studio import app
            from demos.pose_studio.editor import Editor
            from demos.pose_studio.server import start_server
            from demos.pose_studio.session import read_session
            from demos.pose_studio.standing import Mannequin
            from fitting.body.body import Body
            from fitting.folders import output_lock
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
            editor = Editor(CodePrior.from_pretrained(), Mannequin(Body.open()), seed, session)
        with cli_errors("studio"):
            studio = app.Studio(server, editor, file)
            console.print(f"{studio.url} (Ctrl+C ends it; the session is kept in {file})")
            try:
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                if not _closed(studio):  # the thread that is left behind would break the interpreter's own end
                    line = f"studio: stopped; a step that took too long was dropped, those before are kept in {file}"
                    plain_console(stderr=True).print(line, style="red")
                    os._exit(STATUS)
                raise


def _closed(studio: Studio) -> bool:
    """Close the studio; whether it ended in good order, and nobody pressed Ctrl+C once more."""
    try:
        return studio.close()
    except KeyboardInterrupt:
        return False


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
