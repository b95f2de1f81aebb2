"""Who sent a request: the peer, or behind a proxy that is trusted the one that it names. Pure.

``X-Forwarded-For`` is written by whoever likes to. Only what a trusted proxy appended counts, so the list is
read from its end, up to the first address that is no such proxy.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Network, IPv6Network

    Network = IPv4Network | IPv6Network

IPV6_HOUSEHOLD: Final = 64
"""Bits of an IPv6 address that one customer is given: behind them one sender has all the addresses."""


def find_sender(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """The sender's address. A peer without one (a Unix socket) is told as it is."""
    sender = _shorten(peer)
    for named in reversed(forwarded.split(",")):
        if not proxies or not is_among(sender, proxies) or _parse(named) is None:
            break
        sender = _shorten(named)
    return sender


def is_among(sender: str, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    address = _parse(sender)
    return address is not None and any(address in network for network in networks)


def household_of(sender: str) -> str:
    """What is counted as one sender: an IPv4 address, or the network of an IPv6 address."""
    address = _parse(sender)
    if not isinstance(address, IPv6Address):
        return sender
    return str(ip_network((int(address) >> IPV6_HOUSEHOLD << IPV6_HOUSEHOLD, IPV6_HOUSEHOLD)))


def _shorten(text: str) -> str:
    """One spelling for each address."""
    return str(_parse(text) or text.strip())


@lru_cache(maxsize=1024)
def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address; IPv4 that a dual-stack socket shows as IPv6 is IPv4."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
