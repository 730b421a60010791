"""The studio's server, accessed by foreign pages and programs."""

import contextlib
import http.client
import socket
from urllib.parse import urlsplit

import numpy as np
import pytest
import viser
from viser import _messages
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode
from websockets.sync.client import connect

from fitting.studio import messages, server
from fitting.studio.server import start_server

RIGHT, WRONG_HOST, WRONG_ORIGIN, WRONG_PORT = "127.0.0.1:{port}", "evil.example:{port}", "evil.example", "127.0.0.1:1"


@pytest.fixture
def address(studio):
    return urlsplit(studio.url)


@pytest.fixture
def get(address):
    """Request a path; return status, headers and content."""

    def get(path, host=RIGHT, origin=None):
        headers = {"Host": host.format(port=address.port)}
        if origin is not None:
            headers["Origin"] = f"http://{origin.format(port=address.port)}"
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", address.port, timeout=30)) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    return get


@pytest.fixture
def listen(address):
    """Open a websocket and receive the first message."""

    def listen(path, host=RIGHT, origin=RIGHT):
        origin = None if origin is None else f"http://{origin.format(port=address.port)}"
        with (
            socket.create_connection(("127.0.0.1", address.port)) as wire,
            connect(
                f"ws://{host.format(port=address.port)}{path}",
                sock=wire,
                origin=origin,
                subprotocols=[f"viser-v{viser.__version__}"],
                max_size=None,
                proxy=None,
            ) as opened,
        ):
            return opened.recv(timeout=30)

    return listen


def test_the_printed_address_gives_the_page(get, listen, address):
    for host in (RIGHT, "localhost:{port}"):
        status, headers, page = get(address.path, host)
        assert (status, b"Viser client" in page) == (200, True)
        assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert len(listen(address.path, host, host)) > 1000
    assert get(f"{address.path}/?websocket=ws://{address.netloc}{address.path}")[0] == 200
    assert get(f"{address.path}/no/such/file")[0] == 404


@pytest.mark.parametrize(
    ("path", "host", "origin"),
    [
        ("", RIGHT, RIGHT),
        ("/", RIGHT, RIGHT),
        ("/index.html", RIGHT, RIGHT),
        ("/{token}x", RIGHT, RIGHT),
        ("/?token={token}", RIGHT, RIGHT),
        ("/{token}", WRONG_HOST, WRONG_HOST),
        ("/{token}", WRONG_HOST, RIGHT),
        ("/{token}", WRONG_PORT, WRONG_PORT),
        ("/{token}", RIGHT, WRONG_HOST),
        ("/{token}", RIGHT, WRONG_ORIGIN),
        ("/{token}", RIGHT, WRONG_PORT),
        ("/{token}/index.html", RIGHT, WRONG_ORIGIN),
    ],
)
def test_others_get_nothing(studio, get, listen, address, path, host, origin):
    path = path.format(token=studio._server.gate.token)
    with pytest.raises(InvalidStatus) as refused:
        listen(path, host, origin)
    reported = [(refused.value.response.status_code, refused.value.response.body), get(path, host, origin)[::2]]
    if origin == host:
        reported.append(get(path, host)[::2])
    assert {status for status, _ in reported} == {403}
    assert all(len(body) < 200 and studio._server.gate.token.encode() not in body for _, body in reported)
    assert studio._server.get_clients() == {}


def test_a_websocket_without_a_page_is_rejected(listen, address):
    with pytest.raises(InvalidStatus, match="403"):
        listen(address.path, origin=None)


def test_only_this_machine_is_listened_to(studio):
    assert studio._server.get_host() == "127.0.0.1"
    assert studio._server.request_share_url() is None


def test_invalid_addresses_are_rejected():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for host, number in (("127.0.0.1", port), ("no.such.host.invalid", 0), ("127.0.0.1", 70000)):
            with pytest.raises(ValueError, match=f"cannot listen at {host}:{number}"):
                start_server(host, number)


def test_an_unsupported_viser_is_rejected(monkeypatch):
    monkeypatch.setattr(server, "_behind", lambda *_: contextlib.nullcontext([]))
    with pytest.raises(ValueError, match="cannot be guarded"):
        start_server("127.0.0.1", 0)


def test_a_server_on_all_interfaces_prints_a_local_address():
    started = start_server("0.0.0.0", 0)
    try:
        assert started.url == f"http://127.0.0.1:{started.get_port()}/{started.gate.token}"
    finally:
        started.stop()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("GuiUpdateMessage", {"uuid": "whole", "updates": {"disabled": True}}),
        ("GuiUpdateMessage", {"uuid": "whole", "updates": {"value": "no such button"}}),
        ("GuiUpdateMessage", {"uuid": "amount", "updates": {"value": float("nan")}}),
        ("GuiUpdateMessage", {"uuid": "amount", "updates": {"value": True}}),
        ("GuiUpdateMessage", {"uuid": "beside", "updates": {"value": 1}}),
        ("GuiUpdateMessage", {"uuid": "do", "updates": {"value": False}}),
        ("GuiUpdateMessage", {"uuid": "text", "updates": {"value": 3}}),
        ("GuiUpdateMessage", {"uuid": "photo", "updates": {"value": "x"}}),
        ("GuiUpdateMessage", {"uuid": "_status", "updates": {"content": "<b>hello</b>"}}),
        ("CommandTriggerMessage", {"uuid": "whole"}),
        ("ShareUrlRequest", {}),
        ("GuiFormSubmitMessage", {"uuid": "whole"}),
    ],
)
def test_connections_with_invalid_messages_are_closed(studio, tab, open_tab, eventually, kind, fields):
    bad, panel = open_tab(), studio._panel
    if "uuid" in fields:
        fields = fields | {"uuid": vars(panel)[fields["uuid"]]._impl.uuid}
    eventually(lambda: panel._status.content != "")
    before = panel._status.content
    bad.say(kind, **fields)
    assert bad.is_closed()
    assert not panel.whole.disabled
    assert panel._status.content == before
    tab.press(panel.whole, "mirror")
    eventually(lambda: len(studio.editor.session.poses) == 2)


@pytest.mark.parametrize("rubbish", ["text, and no bytes", b"", b"\x00" * 64, np.random.default_rng(0).bytes(4096)])
def test_invalid_messages_do_not_affect_other_clients(studio, tab, open_tab, eventually, rubbish):
    bad = open_tab()
    bad.socket.send(rubbish)
    assert bad.is_closed()
    for phase in ("start", "update", "end"):
        tab.pull(phase)
    eventually(lambda: len(studio.editor.session.poses) == 2)


def test_a_message_that_is_too_long(studio, open_tab):
    bad = open_tab()
    with contextlib.suppress(ConnectionClosed):  # it may be let go before all is sent
        bad.say("GuiUpdateMessage", uuid=studio._panel.text._impl.uuid, updates={"value": "a" * 2**21})
    assert bad.is_closed(CloseCode.MESSAGE_TOO_BIG)
    assert studio._panel.text.value == ""


def test_a_file_that_is_too_large_is_reported_and_not_kept(studio, tab, eventually, monkeypatch):
    monkeypatch.setattr(messages, "LARGEST_UPLOAD", 1000)
    tab.upload(studio._panel.load, "long.npz", bytes(5000))
    eventually(lambda: "long.npz is" in studio._panel._status.content)
    assert studio._panel.load.value.content == b""
    assert studio._server.gui._current_file_upload_states == {}
    tab.upload(studio._panel.load, "short.npz", b"no npz")
    eventually(lambda: "short.npz: expected" in studio._panel._status.content)


def test_uploads_of_large_files_are_ended(studio, tab, eventually, monkeypatch):
    sent = []
    monkeypatch.setattr(studio._server._websock_server, "queue_message", sent.append)
    monkeypatch.setattr(messages, "LARGEST_UPLOAD", 1000)
    tab.upload(studio._panel.load, "long.npz", bytes(5000))
    eventually(lambda: any(isinstance(message, _messages.FileTransferPartAck) for message in sent))
    (received,) = [message for message in sent if isinstance(message, _messages.FileTransferPartAck)]
    assert received.transferred_bytes == received.total_bytes == 5000
