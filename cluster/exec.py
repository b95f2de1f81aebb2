"""Running a command in a pod and hearing its output, over the WebSocket that the API offers for it.

A command can't be fenced and can't be called back: nobody but the pod can end it. So a cancel waits for its
end, and a lost turn only stops listening.
"""

from __future__ import annotations

import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import websocket
from kubernetes.stream import ws_client

from cluster.channels import ENDED, STDERR, STDOUT, Lines, Target, exit_code, not_started
from cluster.connection import READ_TIMEOUT
from cluster.errors import ClusterError, Invalid, NotFound, Unavailable, from_answer
from cluster.kinds import Ref, object_path
from cluster.waiting import Deadline, retry_unavailable
from release.problems import Problem
from release.turn import CancelRequested

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cluster.connection import Cluster
    from release.turn import Turn

# The library is typed in name only.
_websocket_url: Callable[[str], str] = ws_client.get_websocket_url
_create_websocket: Callable[..., websocket.WebSocket] = ws_client.create_websocket

PROTOCOL: Final = "v4.channel.k8s.io"
LISTEN_SECONDS: Final = 0.5
"""How long to listen before the turn and the deadline are looked at again."""

PING_SECONDS: Final = 15.0
"""Load balancers cut connections that are silent for a minute; a migration may be silent for longer."""


def run_command(  # noqa: PLR0913 -- what runs where, and for whom: four each
    cluster: Cluster,
    pod: str,
    namespace: str,
    container: str,
    command: Sequence[str],
    *,
    turn: Turn,
    on_output: Callable[[str], None],
    deadline: Deadline,
) -> int:
    """Run a command to its end and return its exit code; ``on_output`` hears each line of both outputs.

    Raises:
        Problem: ``command-not-started``: no such pod, container or executable; ``command-deadline``;
            ``command-lost``: the connection broke, and how the command goes on can't be known.
        LostTurn: somebody else has the turn; the command goes on unheard.
    """
    target = Target(pod, namespace, container, tuple(command))
    with closing(_open(cluster, target, turn, deadline)) as connection:
        return _listen(connection, target, turn, on_output, deadline)


def _open(cluster: Cluster, target: Target, turn: Turn, deadline: Deadline) -> websocket.WebSocket:
    def attempt() -> websocket.WebSocket:
        # Nothing on the other side would refuse a worker that was frozen while somebody else took over.
        turn.check()
        return cluster.renewing(lambda: _connect(cluster, target))

    try:
        return retry_unavailable(attempt, deadline=deadline, turn=turn)
    except (NotFound, Invalid) as error:
        raise not_started(target, error.message) from error


def _connect(cluster: Cluster, target: Target) -> websocket.WebSocket:
    """Ask for the command.

    Raises:
        Unavailable: it was not started for sure: nobody answered the call, or the answer was "later".
        Problem: ``command-lost``: it may have been started.
    """
    path = f"{object_path(Ref('Pod', target.namespace, target.pod))}/exec?{_query(target)}"
    address = _websocket_url(cluster.url(path))
    headers = {**cluster.headers(), "sec-websocket-protocol": PROTOCOL}
    # The library sets no timeout of its own; this is the one place that the WebSocket package reads it from.
    websocket.setdefaulttimeout(READ_TIMEOUT)
    try:
        connection = _create_websocket(cluster.configuration, address, headers)
    except websocket.WebSocketBadStatusException as error:
        raise _refusal(error) from error
    except (ConnectionRefusedError, websocket.WebSocketAddressException) as error:
        raise Unavailable(f"{cluster.host}: {error}") from error
    except (websocket.WebSocketException, OSError) as error:
        raise _lost(target, f"no answer to the call ({error})") from error
    connection.settimeout(LISTEN_SECONDS)
    return connection


def _query(target: Target) -> str:
    options = {"container": target.container, "stdout": "true", "stderr": "true"}
    return urlencode([*(("command", part) for part in target.command), *options.items()])


def _refusal(error: websocket.WebSocketBadStatusException) -> ClusterError:
    body = error.resp_body or b""
    content = body if isinstance(body, bytes) else str(body).encode()
    return from_answer(error.status_code, content, error.resp_headers or {})


def _listen(
    connection: websocket.WebSocket,
    target: Target,
    turn: Turn,
    on_output: Callable[[str], None],
    deadline: Deadline,
) -> int:
    outputs = {STDOUT: Lines(on_output), STDERR: Lines(on_output)}
    pinged = time.monotonic()
    while not deadline.is_over:
        with suppress(CancelRequested):
            turn.pause(0)
        with _losing(target):
            pinged = _ping(connection, pinged)
            frame = _find_frame(connection)
        if not frame:
            continue
        if frame[0] == ENDED:
            for lines in outputs.values():
                lines.close()
            return exit_code(frame[1:], target)
        if frame[0] in outputs:
            outputs[frame[0]].feed(frame[1:])
    raise _too_late(target, deadline)


def _ping(connection: websocket.WebSocket, last: float) -> float:
    """Show signs of life now and then; when that was last, on the monotonic clock."""
    now = time.monotonic()
    if now - last < PING_SECONDS:
        return last
    connection.ping()
    return now


def _find_frame(connection: websocket.WebSocket) -> bytes | None:
    """The next frame; None where none came in time."""
    try:
        opcode, frame = connection.recv_data(control_frame=False)
    except websocket.WebSocketTimeoutException:
        return None
    if opcode == websocket.ABNF.OPCODE_CLOSE:
        raise websocket.WebSocketConnectionClosedException("closed before the command told its exit code")
    return bytes(frame)


@contextmanager
def _losing(target: Target) -> Iterator[None]:
    """Tell a connection that ends before the command does."""
    try:
        yield
    except (websocket.WebSocketException, OSError) as error:
        raise _lost(target, str(error)) from error


def _lost(target: Target, why: str) -> Problem:
    return Problem(
        "command-lost",
        "The connection to a running command broke",
        detail=f"{target}: {why}; whether the command ended, and how, can't be known",
        next_step="Look in the pod what the command has done. If it may run twice, retry.",
    )


def _too_late(target: Target, deadline: Deadline) -> Problem:
    return Problem(
        "command-deadline",
        "A command did not end in time",
        detail=f"{target}: still running after {deadline.seconds:g} s; it goes on in the pod",
        next_step="See what it waits for, or raise the app's deadlines.command; then retry.",
    )
