"""Access control: only pages opened from the studio's own address may connect."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Collection
from dataclasses import dataclass, field

from websockets.datastructures import Headers, MultipleValuesError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Loopback names of this machine."""

_HTTP_PORT = 80  # browsers leave it out of Host and Origin


@dataclass(frozen=True)
class Gate:
    """Checks each request that opens a connection, for a file or a websocket.

    ``Origin`` rejects pages of other sites, ``Host`` rejects foreign names that resolve to this machine (DNS
    rebinding), and the token rejects other programs.
    """

    names: Collection[str]
    """Names of the server accepted in ``Host``, without the port; IPv6 addresses in brackets."""
    any_address: bool = False
    """Whether every IP address is also a name of the server."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)

    @classmethod
    def of(cls, host: str) -> Gate:
        """The gate of a server that listens at ``host``, a name or an address; a new token each time."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return cls(LOOPBACK if host.lower() == "localhost" else {host.lower()})
        if address.is_unspecified:
            return cls({*LOOPBACK, socket.gethostname().lower()}, any_address=True)
        return cls(LOOPBACK | {in_url(host)} if address.is_loopback else {in_url(host)})

    def within(self, path: str, headers: Headers, port: int) -> str | None:
        """The requested path without the token; None if the request is rejected.

        Args:
            path: path of the request, which starts with the token.
            headers: headers of the request.
            port: local port of the connection.

        Returns:
            The path without the token.
        """
        target, question, query = path.partition("?")
        _, token, *rest = target.split("/", 2) if target.startswith("/") else ("", "")
        has_token = hmac.compare_digest(token.encode(errors="surrogateescape"), self.token.encode())
        if not (has_token and self._is_ours(headers, port)):
            return None
        return f"/{''.join(rest)}{question}{query}"

    def _is_ours(self, headers: Headers, port: int) -> bool:
        try:
            host, origin, upgrade = (headers.get(name) for name in ("Host", "Origin", "Upgrade"))
        except MultipleValuesError:
            return False
        if host is None or not self._is_name(host.lower(), port):
            return False
        if origin is None:  # browsers leave it out when an address is opened, never for a websocket
            return upgrade is None
        return origin.lower() == f"http://{host.lower()}"

    def _is_name(self, host: str, port: int) -> bool:
        name, colon, number = host.rpartition(":")
        if not colon or host.endswith("]"):
            name, number = host, str(_HTTP_PORT)
        if number != str(port):
            return False
        return name in self.names or (self.any_address and _is_address(name))


def in_url(host: str) -> str:
    """A name or an address as written in URLs, IPv6 addresses in brackets."""
    return f"[{host.lower()}]" if ":" in host else host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
