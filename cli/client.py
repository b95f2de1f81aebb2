"""The HTTP API, asked: one method to read, one to change. Every answer but a good one becomes a Failure."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

import requests
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError

from cli.failures import Away, Failure, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from cli.profile import Connection
    from release.secret import Secret

Json = dict[str, Any]

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 30
PATIENCE: Final = (float(CONNECT_SECONDS), float(ANSWER_SECONDS))
LONGEST_PAUSE: Final = 60.0
"""A server that asks for more is asked again earlier; somebody is waiting."""

NOT_NOW: Final = frozenset({429, 502, 503, 504})
NEVER_SENT: Final = (NewConnectionError, ConnectTimeoutError, SSLError)
"""With these, no byte of a request has left."""

SIGN_IN: Final = (
    "set VERDIGRIS_TOKEN or give --token-file; the server's administrator lists tokens in its configuration"
)


REDIS_AWAY: Final = "/not-durable"
"""How the type of a problem ends that says: Redis did not answer."""


class RedisAway(Away):
    """The server is there and says so itself: Redis is away. A change may be asked for again."""


class BearerToken(AuthBase):
    """The token as a header; as ``auth``, because requests lets ~/.netrc replace a header of ours."""

    def __init__(self, token: Secret | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header, as requests asks of each ``auth``."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


class Client:
    """One server, one caller."""

    def __init__(self, connection: Connection, *, patience: tuple[float, float] = PATIENCE) -> None:
        """``patience``: seconds for the connection, and for each answer."""
        self._server = connection.server
        self._patience = patience
        self._session = requests.Session()
        self._has_token = connection.token is not None
        self._session.auth = BearerToken(connection.token)
        self._session.headers["Accept"] = "application/json, application/problem+json"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def get(self, *path: str, **parameters: str | int | None) -> Json:
        """Read ``/api/v1/<path>``; parameters that are None are left out.

        Raises:
            Away: the server can't be reached or can't answer now; ``RedisAway`` where it names that reason.
            Failure: it refused, or its answer is not one of ours.
        """
        return self._ask("GET", path, params=parameters)

    def post(self, *path: str, **members: str | bool | list[str] | None) -> Json:
        """Ask for a change; members that are None, False or empty are left out. Never sent twice.

        Raises:
            Away, Failure: as ``get``.
        """
        return self._ask("POST", path, json={name: value for name, value in members.items() if value})

    def delete(self, *path: str) -> Json:
        """Take something away. Never sent twice.

        Raises:
            Away, Failure: as ``get``.
        """
        return self._ask("DELETE", path)

    def lines(self, *path: str, **parameters: str | int | None) -> Iterator[str]:
        """Each line of an answer that has many, as it comes.

        Raises:
            Away, Failure: as ``get``; ``Away`` also where it breaks off midway.
        """
        with self._send("GET", path, params=parameters, stream=True) as answer:
            try:
                for line in answer.iter_lines(chunk_size=None):
                    yield line.decode()
            except requests.RequestException as error:
                raise Away(
                    f"the answer of {self._server} broke off",
                    detail=_reason(error),
                    next_step="go on with --after and the id of the last whole line",
                ) from error

    def _ask(self, method: str, path: tuple[str, ...], **content: Any) -> Json:  # noqa: ANN401 -- to requests
        return self._read(self._send(method, path, **content))

    def _send(self, method: str, path: tuple[str, ...], **content: Any) -> requests.Response:  # noqa: ANN401 -- to requests
        url = "/".join([self._server, "api/v1", *(quote(part, safe="") for part in path)])
        try:
            answer = self._session.request(
                method, url, timeout=self._patience, allow_redirects=False, **content
            )
        except requests.RequestException as error:
            raise self._unreachable(method, error) from error
        if answer.status_code in NOT_NOW:
            raise self._not_now(answer)
        if not answer.ok or answer.is_redirect:
            raise self._refusal(answer)
        return answer

    def _read(self, answer: requests.Response) -> Json:
        content = _find_object(answer)
        if content is None:
            raise Failure(
                f"{self._server} did not answer as Verdigris does",
                detail=f"{answer.status_code} without a JSON object",
                next_step="check the server's address",
            )
        return content

    def _unreachable(self, method: str, error: requests.RequestException) -> Away:
        """A change that was sent may have been accepted, though no answer came."""
        is_in_doubt = method != "GET" and not any(isinstance(one, NEVER_SENT) for one in _causes(error))
        return Away(
            f"{self._server} can't be reached" if not is_in_doubt else f"no answer from {self._server}",
            detail=_reason(error),
            next_step="see with `verdigris releases` whether it was accepted, before you ask again"
            if is_in_doubt
            else "check the address, and that the web process runs",
        )

    def _not_now(self, answer: requests.Response) -> Away:
        problem = _find_object(answer) or {}
        kind = RedisAway if str(problem.get("type", "")).endswith(REDIS_AWAY) else Away
        away = kind(
            problem.get("title") or f"{self._server} can't answer now ({answer.status_code})",
            detail=problem.get("detail", ""),
            next_step=problem.get("next_step", "ask again in a few seconds"),
            retry_after=_pause(answer.headers.get("Retry-After", "")),
        )
        away.status, away.type = answer.status_code, problem.get("type")
        return away

    def _refusal(self, answer: requests.Response) -> Failure:
        if answer.is_redirect:
            return self._elsewhere(answer)
        problem = _find_object(answer) or {}
        detail, next_step = problem.get("detail", ""), problem.get("next_step", "check the server's address")
        is_told = answer.status_code == HTTPStatus.FORBIDDEN and "next_step" in problem
        if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} and not is_told:
            detail, next_step = detail if self._has_token else "no token is set", SIGN_IN
        refusal = Refusal(
            problem.get("title") or f"{self._server} answered {answer.status_code}",
            detail=detail,
            next_step=next_step,
            status=answer.status_code,
        )
        refusal.type = problem.get("type")
        return refusal

    def _elsewhere(self, answer: requests.Response) -> Refusal:
        """Redirects are not followed: the token would go along, and a POST would become a GET."""
        return Refusal(
            f"{self._server} is not the server itself",
            detail=f"it sends callers to {answer.headers['Location']}",
            next_step="set the server to that address, without /api/v1 and what follows",
            status=answer.status_code,
        )


def _find_object(answer: requests.Response) -> Json | None:
    try:
        content = answer.json()
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _pause(retry_after: str) -> float:
    """Seconds; dates, which the header may hold as well, count as one second."""
    return min(float(retry_after), LONGEST_PAUSE) if retry_after.isdecimal() else 1.0


def _causes(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes


def _reason(error: requests.RequestException) -> str:
    """The operating system's words where it has some; urllib3 wraps them in many of its own."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS} s"
    if isinstance(error, requests.Timeout):
        return f"no answer within {ANSWER_SECONDS} s"
    spoken = [cause.strerror for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror]
    return spoken[-1] if spoken else str(error)
