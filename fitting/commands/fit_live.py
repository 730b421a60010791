"""Fit a body to a person in front of a camera, live.

    qposer live 0

follows the largest person of the camera's picture, and shows the body in a page of the studio, whose address it prints.
A video file instead of a camera's number is played at its own pace. Frames that come while a body is fitted are
dropped. Ctrl-C ends it; --out then writes the motion, as fit.npz and motion.npz of `qposer video`, without ground.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from qposer.io.cli_errors import cli_errors, plain_console
from qposer.io.startup import loading

if TYPE_CHECKING:
    from fitting import Body
    from fitting.inputs.detections import Picture
    from fitting.studio.live_page import LivePage


def main(
    source: Annotated[str, tyro.conf.Positional],
    out: Path | None = None,
    body: Path | None = None,
    focal: float | None = None,
    height: float | None = None,
    depth_cue: bool = True,
    host: str = "127.0.0.1",
    port: int = 8080,
    page: bool = True,
    seed: int = 0,
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Fit a body to a person in front of a camera, live.

    Args:
        source: number of a camera, from 0, or a video file.
        out: folder for fit.npz and motion.npz at the end; default: nothing is written.
        body: an SMPL, SMPL-H or SMPL-X model file (.pkl or .npz); default: the open body.
        focal: focal length in pixels; default: estimated from the picture's size.
        height: standing height of the person in metres, if known.
        depth_cue: use the depths that the detector estimates, with a low weight.
        host: address of the page. 0.0.0.0 allows access from other machines that have the printed address.
        port: port of the page; 0 selects a free port.
        page: show the body in a page.
        seed: random seed.
        device: where the optimisation runs.

    Raises:
        ValueError: ``out`` is a file.
    """
    console = plain_console()
    with cli_errors():
        with loading():
            import torch

            from fitting import Body, FitSettings, Fitter
            from fitting.inputs.detect import Detector
            from fitting.video import latest_frames
            from fitting.video.frames import FOLDER_FPS, open_video
            from fitting.video.live import LiveBody, LiveFit
            from fitting.video.live_report import LiveReport

        torch.set_num_threads(1)  # the matrices of one person are too small to parallelise
        if out is not None and out.is_file():
            raise ValueError(f"{out} is a file: give a folder as --out")
        video = None if source.isdecimal() else open_video(source)
        frames: Iterator[Picture] = (
            latest_frames.camera_frames(int(source)) if video is None else latest_frames.paced(video)
        )
        settings = FitSettings(depth_cue=depth_cue, seed=seed, height=height)
        fitter = Fitter(Body.load(body) if body else Body.open(), settings=settings, device=device)
        live: LiveFit | None = None
        shown = None
        if page:
            shown, url = start_page(host, port, fitter.body)
            console.print(f"{url} (Ctrl+C ends)")
        bodies: list[LiveBody] = []
        report = LiveReport()
        try:
            with Detector() as detector, latest_frames.LatestFrames(frames) as latest:
                for frame in latest:
                    live = live or LiveFit(fitter, detector, (frame.rgb.shape[1], frame.rgb.shape[0]), focal)
                    found = live.fit(frame.number, frame.rgb)
                    if found is not None:
                        bodies.append(found)
                    if shown is not None:
                        shown.show(frame.rgb, None if found is None else live.vertices(found), report.line)
                    report.add(frame, time.perf_counter(), found is not None)
        except KeyboardInterrupt:
            console.print("stopped")
        console.print(report.line)
        if out is not None and live is not None and bodies:
            fps = video.fps if video is not None else report.source_fps or FOLDER_FPS
            result = live.result(bodies, fps)
            result.write(out / "fit.npz")
            result.write_amass(out / "motion.npz")
            console.print(f"motion of {len(result)} frames: {out / 'fit.npz'}")


def start_page(host: str, port: int, body: Body) -> tuple[LivePage, str]:
    """Start the page that shows the body.

    Args:
        host: address to listen on.
        port: port to listen on.
        body: body model.

    Returns:
        The page and its address.

    Raises:
        ValueError: viser is not installed, or the address or port cannot be used.
    """
    try:
        from fitting.studio.live_page import LivePage
        from fitting.studio.server import start_server
    except ImportError:
        raise ValueError("viser is not installed: pip install viser, or give --no-page") from None
    server = start_server(host, port)
    return LivePage(server, body.faces.cpu().numpy()), server.url


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
