"""Ports for pods: all of them live on 127.0.0.1, so each container gets one of its own.

Taken from below the range that systems use for outgoing connections (from 32768 on Linux, 49152 on macOS):
a port from there may be gone by the time that a crashed container starts again.
"""

import random
import socket

_RANGE = range(20000, 32000)
_TRIES = 200


class Ports:
    """The ports in use by this sandbox's containers."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def claim(self, wish: int | None = None) -> int:
        """A port on which nobody listens: the one wished for, where that is still so.

        Raises:
            OSError: none was found.
        """
        if wish is not None:
            self.release(wish)
        wishes: tuple[int, ...] = () if wish is None else (wish,)
        for port in (*wishes, *random.sample(_RANGE, _TRIES)):
            if port not in self._taken and _is_free(port):
                self._taken.add(port)
                return port
        raise OSError(f"no free port for a pod between {_RANGE.start} and {_RANGE.stop}")

    def release(self, port: int) -> None:
        """Give a port back."""
        self._taken.discard(port)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections that linger are fine
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
