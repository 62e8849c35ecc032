"""Hosts as addresses and headers name them: which are this machine's own, and where a page comes from."""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""What a browser on this machine calls it."""


def host_of(origin: str) -> str:
    """Host and port of an Origin header; "" where there is none.

    >>> host_of("http://127.0.0.1:8000"), host_of("null")
    ('127.0.0.1:8000', '')
    """
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def address_at(host: str, port: int) -> str:
    """The address of a server.

    >>> address_at("localhost", 80), address_at("::1", 80)
    ('http://localhost:80', 'http://[::1]:80')
    """
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
