"""Viser's server behind a gate: it accepts only pages opened from the studio's own address."""

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

from fitting.studio.gate import Gate, in_url
from fitting.studio.messages import LARGEST_MESSAGE, FileTransferStartUpload, Listener, RefusedError, Rules

_Answer = Callable[[ServerConnection, Request], Response | None]

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of all responses: no other page may frame or embed the studio's pages, or see their address."""

_POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1
_SORRY = "Wrong address: open the address that the studio printed, which contains a key.\n"


class StudioServer(viser.ViserServer):
    """A viser server that never opens a tunnel to the internet."""

    def __init__(self, host: str, port: int) -> None:
        self.gate, self.rules = Gate.of(host), Rules()
        with _behind(self.gate, self.rules) as guarded, contextlib.redirect_stdout(io.StringIO()):  # viser's banner
            super().__init__(host=host, port=port, label="QPoser studio", verbose=False)
        if not guarded:
            self.stop()
            raise ValueError(
                f"viser {viser.__version__} starts its server in a way that cannot be guarded: install viser==1.1.1"
            )

    @property
    def url(self) -> str:
        """The studio's address, with its token."""
        host = self.get_host()
        name = "127.0.0.1" if self.gate.any_address else in_url(host)
        return f"http://{name}:{self.get_port()}/{self.gate.token}"

    def stop(self) -> None:
        """Disconnect all browsers."""
        with contextlib.redirect_stdout(io.StringIO()):  # viser prints a message
            super().stop()

    def drop_upload(self, start: FileTransferStartUpload) -> None:
        """End the waiting state of the button whose file is dropped."""
        self._websock_server.queue_message(
            _messages.FileTransferPartAck(
                start.source_component_uuid, start.transfer_uuid, start.size_bytes, start.size_bytes
            )
        )

    def request_share_url(self, verbose: bool = True) -> str | None:
        """Disabled: the studio is never shared."""
        return None


def start_server(host: str, port: int) -> StudioServer:
    """Start a server at ``host`` and ``port``; port 0 selects a free one.

    Args:
        host: name or address.
        port: port number.

    Returns:
        The server.

    Raises:
        ValueError: the address or port cannot be used.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((address[0], port, *address[2:]))  # rejects invalid port numbers
    except (OSError, OverflowError) as error:
        raise ValueError(f"cannot listen at {host}:{port} ({error}): give another --host or --port") from error
    return StudioServer(host, port)


class _Connection(ServerConnection):
    """A websocket that accepts only the page's messages, and closes on any other."""

    def __init__(self, *arguments: Any, rules: Rules, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._listener = Listener(rules)

    async def recv(self, decode: bool | None = None) -> bytes:  # type: ignore[override]
        """The next message for viser."""
        while True:
            raw = await super().recv(decode=False)
            try:
                heard = self._listener.heard(raw)
            except RefusedError:
                await self.close(_POLICY_VIOLATION, "the studio's page does not send this")
                continue  # the next recv raises
            if heard is not None:
                return heard


@contextlib.contextmanager
def _behind(gate: Gate, rules: Rules) -> Iterator[list[websockets.asyncio.server.serve]]:
    """Guard and list the server started inside this context; viser has no option for it."""
    serve, guarded = websockets.asyncio.server.serve, []

    def serve_guarded(*arguments: Any, process_request: _Answer, **options: Any) -> websockets.asyncio.server.serve:
        options |= {"create_connection": functools.partial(_Connection, rules=rules), "max_size": LARGEST_MESSAGE}
        started = serve(*arguments, process_request=_guarded(gate, process_request), **options)
        guarded.append(started)
        return started

    websockets.asyncio.server.serve = serve_guarded  # type: ignore[assignment, misc]
    try:
        yield guarded
    finally:
        websockets.asyncio.server.serve = serve  # type: ignore[misc]


def _guarded(gate: Gate, answer: _Answer) -> _Answer:
    """Answer only requests that the gate accepts."""

    def guarded_answer(connection: ServerConnection, request: Request) -> Response | None:
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

    return guarded_answer
