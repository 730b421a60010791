import pytest
from websockets.datastructures import Headers

from fitting.studio.gate import Gate

PORT = 8080


@pytest.fixture
def gate():
    return Gate.of("127.0.0.1")


def answer_to(gate, path=None, port=PORT, **headers):
    """Request a websocket like a browser, with some headers replaced; None omits one."""
    sent = {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080", "Upgrade": "websocket"} | headers
    path = f"/{gate.token}" if path is None else path
    return gate.within(path, Headers({name: value for name, value in sent.items() if value is not None}), port)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_requests_from_the_own_address_are_accepted(gate, name):
    assert answer_to(gate, Host=f"{name}:8080", Origin=f"http://{name}:8080") == "/"


def test_opening_the_address_has_no_origin(gate):
    assert answer_to(gate, f"/{gate.token}/a/b.png?x=/y", Origin=None, Upgrade=None) == "/a/b.png?x=/y"


@pytest.mark.parametrize(
    "path", ["/", "", "//", "/{}x", "/{:.21}", "/x/{}", "{}", "/?{}", "/?/{}", "/%2e/{}", "/é\udce9"]
)
def test_requests_without_the_token_are_rejected(gate, path):
    assert answer_to(gate, path.format(gate.token)) is None
    assert answer_to(gate, path.format(gate.token), Origin=None, Upgrade=None) is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://evil.example:8080",
        "http://127.0.0.1",
        "http://127.0.0.1:8081",
        "http://localhost:8080",
        "https://127.0.0.1:8080",
        "http://127.0.0.1:8080.evil.example",
        "null",
        "",
    ],
)
def test_pages_of_other_origins_are_rejected(gate, origin):
    assert answer_to(gate, Origin=origin) is None
    assert answer_to(gate, Origin=origin, Upgrade=None) is None


def test_a_websocket_states_its_origin(gate):
    assert answer_to(gate, Origin=None) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example:8080", "evil.example", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8080:8080", "[::1]", "::1:8080", ""],
)
def test_other_host_names_are_rejected(gate, host):
    assert answer_to(gate, Host=host, Origin=f"http://{host}") is None
    assert answer_to(gate, Host=host, Origin=None, Upgrade=None) is None
    assert answer_to(gate, Host=None, Origin=None, Upgrade=None) is None


def test_duplicate_headers_are_rejected(gate):
    for name, value in (("Host", "127.0.0.1:8080"), ("Origin", "http://evil.example")):
        headers = Headers({"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080", "Upgrade": "websocket"})
        headers[name] = value
        assert gate.within(f"/{gate.token}", headers, PORT) is None


def test_browsers_do_not_name_the_port_of_http(gate):
    assert answer_to(gate, port=80, Host="127.0.0.1", Origin="http://127.0.0.1") == "/"
    assert answer_to(gate, port=80, Host="[::1]", Origin="http://[::1]") == "/"


def test_a_public_server_accepts_only_its_own_host_name():
    gate = Gate.of("192.168.1.5")
    assert answer_to(gate, Host="192.168.1.5:8080", Origin="http://192.168.1.5:8080") == "/"
    assert answer_to(gate) is None
    assert answer_to(Gate.of("Box.lan"), Host="box.lan:8080", Origin="http://box.lan:8080") == "/"
    assert answer_to(Gate.of("fe80::5"), Host="[fe80::5]:8080", Origin="http://[fe80::5]:8080") == "/"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_on_all_interfaces_accepts_addresses_but_no_foreign_names(host):
    gate = Gate.of(host)
    for name in ("localhost", "192.168.1.5", "[fe80::5]"):
        assert answer_to(gate, Host=f"{name}:8080", Origin=f"http://{name}:8080") == "/"
    assert answer_to(gate, Host="evil.example:8080", Origin="http://evil.example:8080") is None


def test_each_gate_has_a_different_hidden_token():
    tokens = {Gate.of("127.0.0.1").token for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) == 22  # 128 bits
    gate = Gate.of("127.0.0.1")
    assert gate.token not in repr(gate)
