from __future__ import annotations

from ipaddress import ip_network

import pytest

from webhook.senders import find_sender, household_of, is_among

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8::1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.2.3.4", "198.51.100.1"),
        ("10.0.0.1", "10.9.9.9", "10.9.9.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "<script>", "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("2001:db8::1", "2001:DB8:0::2", "2001:db8::2"),
        ("2001:db8::2", "198.51.100.1", "2001:db8::2"),
        ("", "198.51.100.1", ""),
    ],
)
def test_only_what_a_trusted_proxy_appended_tells_the_sender(peer: str, forwarded: str, sender: str) -> None:
    assert find_sender(peer, forwarded, PROXIES) == sender


def test_without_trusted_proxies_the_peer_is_the_sender() -> None:
    assert find_sender("127.0.0.1", "198.51.100.1", ()) == "127.0.0.1"


@pytest.mark.parametrize(
    ("sender", "is_in"),
    [
        ("2001:db8::1", True),
        ("2001:db8::2", False),
        ("2001:db8:0:0::1", True),
        ("10.255.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("11.0.0.1", False),
        ("", False),
        ("proxy", False),
    ],
)
def test_a_single_address_means_that_address_alone(sender: str, *, is_in: bool) -> None:
    assert is_among(sender, PROXIES) is is_in


@pytest.mark.parametrize(
    ("sender", "household"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("", ""),
    ],
)
def test_addresses_of_one_ipv6_customer_count_as_one(sender: str, household: str) -> None:
    assert household_of(sender) == household
