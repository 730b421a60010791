"""Who may open a connection to the studio: pages that its own address opened, and nobody else."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Collection
from dataclasses import dataclass, field

from websockets.datastructures import Headers, MultipleValuesError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names of this machine as only this machine knows them."""

_HTTP_PORT = 80  # browsers leave it out of Host and Origin


@dataclass(frozen=True)
class Gate:
    """Checks the request that opens a connection, be it for a file or a websocket.

    A page elsewhere cannot name the studio in ``Origin``; a foreign name that was made to resolve to this machine (DNS
    rebinding) differs in ``Host``; and neither such a page nor another program knows the token.
    """

    names: Collection[str]
    """What the server may be called in ``Host``, without the port; IPv6 addresses in brackets."""
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
        """What a request asks for, as a path that does not hold the token; None if it is to be refused.

        Args:
            path: of the request: the token, and what follows it.
            headers: of the request.
            port: where it arrived.

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
    """A name or an address as URLs have it: IPv6 addresses in brackets."""
    return f"[{host.lower()}]" if ":" in host else host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
