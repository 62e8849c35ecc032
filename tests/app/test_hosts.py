"""Hosts as addresses and headers name them."""

from __future__ import annotations

import pytest

from zeroshot.app.hosts import address_at, host_of


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://a.example:8443", "a.example:8443"),
        ("http://[::1]:80", "[::1]:80"),
        ("null", ""),
        ("http://[", ""),
    ],
)
def test_where_a_page_comes_from(origin, expected):
    assert host_of(origin) == expected


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", "http://127.0.0.1:9"), ("::1", "http://[::1]:9")]
)
def test_an_address_that_a_browser_takes(host, expected):
    assert address_at(host, 9) == expected
