"""How a browser comes to the cookie that leads to an app's test color.

It takes a cookie only from the host that it is for, whatever the port, or from a host of the same domain.
Where ours is neither, the page says how to do it by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import request

if TYPE_CHECKING:
    from release.config import App


class Way(Enum):
    """How the cookie comes into a browser."""

    HOST = auto()
    DOMAIN = auto()
    BY_HAND = auto()


@dataclass(frozen=True, slots=True)
class CookieRoute:
    """The way to an app's test color, for one browser. ``is_taken``: it has the cookie."""

    address: str
    cookie: str
    way: Way
    domain: str = ""
    is_taken: bool = False

    @property
    def is_one_click(self) -> bool:
        """Whether we can set the cookie."""
        return self.way is not Way.BY_HAND

    @property
    def command(self) -> str:
        """The same without a browser."""
        return f"curl --cookie '{self.cookie}' '{self.address}'"


def find_cookie_route(app: App) -> CookieRoute | None:
    """The way for the browser that asks now; None where nobody configured the app's address."""
    if app.public_url is None:
        return None
    name, _, value = app.test_cookie.partition("=")
    way = find_way(app.public_url, app.test_cookie_domain or "", host=host_of(f"//{request.host}"))
    is_taken = request.cookies.get(name) == value
    domain = app.test_cookie_domain or ""
    return CookieRoute(app.public_url, app.test_cookie, way, domain, is_taken and way is not Way.BY_HAND)


def find_way(address: str, domain: str, *, host: str) -> Way:
    """What a browser takes from ``host`` for the app at ``address``."""
    if host and host_of(address) == host:
        return Way.HOST
    return Way.DOMAIN if domain and f".{host}".endswith(f".{domain}") else Way.BY_HAND


def host_of(address: str) -> str:
    """The host's name, without its port."""
    return (urlsplit(address).hostname or "").rstrip(".")
