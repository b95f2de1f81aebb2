"""Hosts on one machine: network namespaces joined by two switches, which lead nowhere else.

The switches are bridges in a namespace of their own, so that the machine's network is not touched: no
interface, address or route of it changes, and nothing inside can leave. Needs root and ``ip`` (iproute2).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

PREFIX: Final = "verdigris"
SWITCH: Final = "switch"
NETWORKS: Final = {"data": "10.77.1", "cluster": "10.77.2"}
"""Redis is in the one, the Kubernetes API and the gateway in the other; each a /24."""


class NoHosts(Exception):
    """This machine has no namespaces for us; the message says why."""


@dataclass
class Hosts:
    """Made when the ``with`` block begins, gone when it ends. ``plan``: each host's networks and number."""

    plan: dict[str, tuple[int, frozenset[str]]]
    _made: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Raises ``NoHosts`` where it can't be."""
        if shutil.which("ip") is None:
            raise NoHosts("there is no `ip`; install iproute2")
        if os.geteuid() != 0:
            raise NoHosts("only root may make network namespaces")
        _remove_left_behind()
        try:
            self._build()
        except BaseException as error:
            self._remove()
            if isinstance(error, subprocess.CalledProcessError):
                raise NoHosts(f"{shlex.join(error.cmd)}: {error.stderr.strip()}") from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def address(self, host: str, network: str) -> str:
        """Of a host in one of its networks."""
        return f"{NETWORKS[network]}.{self.plan[host][0]}"

    def find_host(self, address: str) -> str:
        """Whose address it is."""
        number = int(address.rpartition(".")[2])
        return next(host for host, (own, _) in self.plan.items() if own == number)

    def command(self, host: str, *command: str) -> tuple[str, ...]:
        """The same command, run on a host."""
        program = shutil.which("ip")
        assert program
        return program, "netns", "exec", _namespace(host), *command

    def cut(self, host: str, network: str) -> None:
        """Pull the cable out at the switch: what is sent from now on is lost, without an answer."""
        _in(SWITCH, "link", "set", f"{host}-{network}", "down")

    def join(self, host: str, network: str) -> None:
        """Plug it in again."""
        _in(SWITCH, "link", "set", f"{host}-{network}", "up")

    def _build(self) -> None:
        self._add(SWITCH)
        for network in NETWORKS:
            _in(SWITCH, "link", "add", "name", network, "type", "bridge")
            _in(SWITCH, "link", "set", network, "up")
        for host, (_, networks) in self.plan.items():
            self._add(host)
            for network in sorted(networks):
                self._wire(host, network)

    def _add(self, host: str) -> None:
        _ip("netns", "add", _namespace(host))
        self._made.append(host)
        _in(host, "link", "set", "lo", "up")

    def _wire(self, host: str, network: str) -> None:
        port = f"{host}-{network}"
        _ip(
            *("link", "add", "name", port, "netns", _namespace(SWITCH), "type", "veth"),
            *("peer", "name", network, "netns", _namespace(host)),
        )
        _in(SWITCH, "link", "set", port, "master", network)
        _in(SWITCH, "link", "set", port, "up")
        _in(host, "address", "add", f"{self.address(host, network)}/24", "dev", network)
        _in(host, "link", "set", network, "up")

    def _remove(self) -> None:
        for host in reversed(self._made):
            _ip("netns", "delete", _namespace(host))
        self._made.clear()


def _namespace(host: str) -> str:
    return f"{PREFIX}-{os.getpid()}-{host}"


def _in(host: str, *arguments: str) -> None:
    _ip("-netns", _namespace(host), *arguments)


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def _remove_left_behind() -> None:
    """Namespaces of a test process that was killed: nobody else would ever remove them."""
    for line in _ip("netns", "list").splitlines():
        name = line.split()[0]
        prefix, _, rest = name.partition("-")
        owner = rest.partition("-")[0]
        if prefix == PREFIX and owner.isdigit() and not _is_running(int(owner)):
            with suppress(subprocess.CalledProcessError):  # another test process was faster
                _ip("netns", "delete", name)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
