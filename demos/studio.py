"""Pose a body in the browser: drag it, tell it, sample it.

    python demos/studio.py

says where to point a browser, on this machine, and needs no network. docs/studio.md tells what there is to do there.
The session is kept in OUT/session.npz after every step; --resume goes on with it.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import tyro
from rich.console import Console


def main(
    host: str = "127.0.0.1", port: int = 8080, out: Path = Path("out/studio"), resume: bool = False, seed: int = 0
) -> None:
    """Pose a body in the browser.

    Args:
        host: where to listen. Whoever can reach it can use the studio: there is no password. 0.0.0.0 is everybody.
        port: where to listen; 0 takes any that is free.
        out: folder for the session.
        resume: go on with the session in that folder; without it, that session is set aside under its date.
        seed: of what is drawn.
    """
    from qposer.errors import told_in_one_line

    console = Console(soft_wrap=True, markup=False, highlight=False)
    with ExitStack() as held:
        with told_in_one_line("studio"):
            try:
                import viser  # noqa: F401
            except ImportError:
                raise ValueError("viser is not installed: pip install viser") from None
            import torch

            from demos.inputs import seeded
            from demos.pose_studio.app import Studio
            from demos.pose_studio.editor import Editor
            from demos.pose_studio.server import start_server
            from demos.pose_studio.session import read_session
            from demos.pose_studio.standing import Mannequin
            from fitting.body import Body
            from fitting.folders import only_run
            from qposer import CodePrior

            torch.set_num_threads(1)
            seeded(seed)
            held.enter_context(only_run(out))
            file = out / "session.npz"
            session = read_session(file) if resume else None
            server = start_server(host, port)
            if file.exists() and not resume:
                ended = datetime.fromtimestamp(file.stat().st_mtime)
                file.replace(out / f"session-{ended:%Y-%m-%d-%H-%M-%S}.npz")
            editor = Editor(CodePrior.from_pretrained(), Mannequin(Body.open()), seed, session)
        studio = Studio(server, editor, file)
        console.print(f"{studio.url}; Ctrl+C ends it, and the session is kept in {file}")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            studio.close()


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
