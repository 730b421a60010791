"""viser's server, behind a gate: it hears only the page that the studio's own address opened."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import http
import io
import socket
from collections.abc import Callable, Iterator
from typing import Any

import viser
import websockets.asyncio.server
from viser import _messages
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from demos.pose_studio.gate import Gate, in_url
from demos.pose_studio.messages import LARGEST_MESSAGE, FileTransferStartUpload, Listener, RefusedError, Rules

_Answer = Callable[[ServerConnection, Request], Response | None]

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of all answers: no other page frames, embeds or is told of the studio's."""

_POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1
_SORRY = "This is not the address that the studio printed: open that one, it carries a key.\n"


class StudioServer(viser.ViserServer):
    """A server that no browser can talk into opening a tunnel to the internet."""

    def __init__(self, host: str, port: int) -> None:
        self.gate, self.rules = Gate.of(host), Rules()
        with _behind(self.gate, self.rules) as guarded, contextlib.redirect_stdout(io.StringIO()):  # viser's banner
            super().__init__(host=host, port=port, label="QPoser studio", verbose=False)
        if not guarded:
            self.stop()
            raise ValueError(f"viser {viser.__version__} starts in a way that cannot be guarded: install viser==1.1.1")

    @property
    def url(self) -> str:
        """The address that opens the studio, with the token that it asks for."""
        host = self.get_host()
        name = "127.0.0.1" if self.gate.any_address else in_url(host)
        return f"http://{name}:{self.get_port()}/{self.gate.token}"

    def stop(self) -> None:
        """Let all browsers go."""
        with contextlib.redirect_stdout(io.StringIO()):  # viser says that it stops
            super().stop()

    def drop_upload(self, start: FileTransferStartUpload) -> None:
        """Have the button of a file that is not taken wait no longer."""
        self._websock_server.queue_message(
            _messages.FileTransferPartAck(
                start.source_component_uuid, start.transfer_uuid, start.size_bytes, start.size_bytes
            )
        )

    def request_share_url(self, verbose: bool = True) -> str | None:
        """Nothing is shared."""
        return None


def start_server(host: str, port: int) -> StudioServer:
    """A server that listens at ``host`` and ``port``; any free port where that is 0.

    Args:
        host: name or address.
        port: number of the port.

    Returns:
        The server.

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
    return StudioServer(host, port)


class _Connection(ServerConnection):
    """A websocket that hears nothing but what the page sends, and is closed when it says something else."""

    def __init__(self, *arguments: Any, rules: Rules, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._listener = Listener(rules)

    async def recv(self, decode: bool | None = None) -> bytes:  # type: ignore[override]
        """The next message that viser may have."""
        while True:
            raw = await super().recv(decode=False)
            try:
                heard = self._listener.heard(raw)
            except RefusedError:
                await self.close(_POLICY_VIOLATION, "the studio's page does not send this")
                continue  # the next recv says that it is closed
            if heard is not None:
                return heard


@contextlib.contextmanager
def _behind(gate: Gate, rules: Rules) -> Iterator[list[websockets.asyncio.server.serve]]:
    """Put the server that is started meanwhile behind the gate, and list it: viser has no option for it."""
    serve, guarded = websockets.asyncio.server.serve, []

    def serve_guarded(*arguments: Any, process_request: _Answer, **options: Any) -> websockets.asyncio.server.serve:
        options |= {"create_connection": functools.partial(_Connection, rules=rules), "max_size": LARGEST_MESSAGE}
        started = serve(*arguments, process_request=_asked_at(gate, process_request), **options)
        guarded.append(started)
        return started

    websockets.asyncio.server.serve = serve_guarded  # type: ignore[assignment, misc]
    try:
        yield guarded
    finally:
        websockets.asyncio.server.serve = serve  # type: ignore[misc]


def _asked_at(gate: Gate, answer: _Answer) -> _Answer:
    """Answer what the gate lets in, and nothing else."""

    def asked(connection: ServerConnection, request: Request) -> Response | None:
        path = gate.within(request.path, request.headers, connection.local_address[1])
        if path is None:
            response = connection.respond(http.HTTPStatus.FORBIDDEN, _SORRY)
        else:
            passed = answer(connection, dataclasses.replace(request, path=path))
            if passed is None:
                return None
            response = passed
        response.headers.update(_HEADERS)
        return response

    return asked
