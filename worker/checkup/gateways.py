"""Ingress gateways, and the web process: who answers HTTP where our configuration says."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import requests
import urllib3

from worker.checkup.lines import failed, ok
from worker.checkup.running import REQUEST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.checkup.lines import Line

PORTS: Final = {"http": 80, "https": 443}
IN_CLUSTER: Final = (".svc", ".cluster.local")
PENDING: Final = (
    "`kubectl -n istio-system get service istio-ingressgateway`: while EXTERNAL-IP is <pending>, its load "
    "balancer has no address yet"
)


@dataclass(frozen=True, slots=True)
class Door:
    """One gateway as apps name it, and the apps that do."""

    address: str
    host: str | None
    apps: tuple[str, ...]

    @property
    def about(self) -> str:
        """As it is told."""
        return f"gateway {self.address}"

    @property
    def setting(self) -> str:
        """Where the address stands."""
        return f"apps.{self.apps[0]}.gateway.address"


def resolve(name: str, port: int) -> list[str]:
    """The addresses that a name stands for; raises ``OSError``."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def look_at_gateway(door: Door, find_addresses: Callable[[str, int], list[str]] = resolve) -> list[Line]:
    """Whether the name is known, somebody listens, and speaks HTTP; any status will do before a release."""
    parts = urlsplit(door.address)
    name, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    try:
        addresses = find_addresses(name, port)
    except OSError as error:
        return [_tell_unknown_name(door, name, error)]
    headers = {"Host": door.host} if door.host else {}
    try:
        answer = ask(f"{door.address}/", headers)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        return [_tell_silence(door, _where(name, addresses), error)]
    server = answer.headers.get("Server", "")
    by = f" by {server[:40]}" if server else ""
    return [ok(door.about, f"{_where(name, addresses)} answers{by} (status {answer.status_code})")]


def ask(url: str, headers: dict[str, str]) -> requests.Response:
    """As smoke tests ask: no proxy of the environment, no redirect followed, nothing of the body read."""
    with requests.Session() as session:
        session.trust_env = False
        limits = (REQUEST_SECONDS, REQUEST_SECONDS)
        with session.get(url, headers=headers, timeout=limits, allow_redirects=False, stream=True) as answer:
            return answer


def _where(name: str, addresses: Sequence[str]) -> str:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return f"{name} ({', '.join(addresses)})"
    return name


def _tell_unknown_name(door: Door, name: str, error: OSError) -> Line:
    found = f"no DNS entry for {name} here ({error.strerror or error})"
    if name.endswith(IN_CLUSTER):
        fix = (
            "such a name is known inside of the cluster alone: ask there, with `kubectl -n verdigris exec "
            f"deploy/releases -- verdigris doctor`; or correct {door.setting}"
        )
        return failed(door.about, found, fix=fix)
    return failed(door.about, found, fix=f"correct {door.setting}, or create the entry; {PENDING}")


def _tell_silence(door: Door, where: str, error: Exception) -> Line:
    if isinstance(error, requests.exceptions.SSLError):
        fix = (
            f"give the gateway a certificate for that name that workers trust, or set {door.setting} to its "
            "http:// address"
        )
        return failed(door.about, f"{where}: its certificate is not accepted: {error}", fix=fix)
    if isinstance(error, requests.exceptions.ReadTimeout):
        fix = f"see that {door.setting} names an HTTP port of the ingress gateway"
        return failed(door.about, f"{where} takes connections and answers no HTTP", fix=fix)
    is_slow = isinstance(error, requests.exceptions.ConnectTimeout)
    said = "no connection in time" if is_slow else _reason(error)
    fix = f"{PENDING}; let the workers through (firewall, NetworkPolicy), or correct {door.setting}"
    return failed(door.about, f"{where}: {said}", fix=fix)


def _reason(error: BaseException) -> str:
    """The innermost reason: around it libraries repeat the address three times."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def look_at_web(url: str) -> list[Line]:
    """Whether the web process answers, and says itself that it can work."""
    about, address = f"web process {url}", url.rstrip("/")
    try:
        answer = ask(f"{address}/readyz", {})
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        fix = "start `verdigris web`, or correct the address"
        return [failed(about, _reason(error), fix=fix)]
    if answer.status_code == requests.codes.ok:
        return [ok(about, "ready")]
    if answer.status_code == requests.codes.service_unavailable:
        fix = "look at its Redis (VERDIGRIS_REDIS_URL in its environment), and at its log"
        return [failed(about, "it answers that it is not ready", fix=fix)]
    fix = f"see who answers there: `curl -i {address}/readyz` should say status 200"
    return [failed(about, f"/readyz answers with status {answer.status_code}", fix=fix)]
