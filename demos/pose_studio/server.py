"""viser's server, kept to this machine's business."""

from __future__ import annotations

import contextlib
import io
import socket

import viser


class StudioServer(viser.ViserServer):
    """A server that no browser can talk into opening a tunnel to the internet."""

    def request_share_url(self, verbose: bool = True) -> str | None:
        """Nothing is shared."""
        return None


def start_server(host: str, port: int) -> StudioServer:
    """A server that listens at ``host`` and ``port``; any free port where that is 0.

    Raises:
        ValueError: it cannot listen there.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((address[0], port, *address[2:]))  # port numbers that are none are refused here
    except (OSError, OverflowError) as error:
        raise ValueError(f"cannot listen at {host}:{port} ({error}): give another --host or --port") from error
    with contextlib.redirect_stdout(io.StringIO()):  # its banner
        return StudioServer(host=host, port=port, label="QPoser studio", verbose=False)
