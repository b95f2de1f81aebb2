"""Asking the OpenID provider over HTTP: only hosts that the configuration names, within seconds, led nowhere.

Proxies and ``REQUESTS_CA_BUNDLE`` of the environment count; ``~/.netrc`` does not.
"""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import requests
import urllib3
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import HTTPAdapter

from release.tag import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release.secret import Secret
    from release.sign_in import SignIn

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 5.0
BODY_SECONDS: Final = 5.0
LIMIT: Final = 1024 * 1024
CHUNK: Final = 64 * 1024


class ProviderAway(Exception):
    """It could not be asked, or gave no answer that makes sense; the message says why, for people."""


class ProviderRefused(Exception):
    """It was asked, and said no; the message says what it said."""


@contextmanager
def speak(sign_in: SignIn, secret: Secret, **options: Any) -> Iterator[Any]:  # noqa: ANN401 -- Authlib is untyped
    """Authlib's client, on the provider's hosts alone.

    Raises:
        ProviderAway: no answer that makes sense came.
        ProviderRefused: the provider answered with an error of OAuth.
    """
    session = OAuth2Session(
        client_id=sign_in.client_id,
        client_secret=secret.reveal(),
        scope=" ".join(sign_in.scopes),
        code_challenge_method="S256",
        default_timeout=(CONNECT_SECONDS, READ_SECONDS),
        max_redirects=0,
        **options,
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, _NamedHosts(sign_in))
    try:
        yield session
    except OAuthError as error:
        raise ProviderRefused(describe_error(error.error, error.description)) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise ProviderAway(_told(error)) from error
    finally:
        session.close()


def read_document(session: Any, address: str) -> dict[str, Any]:  # noqa: ANN401 -- Authlib is untyped
    """A JSON object that anybody may read. Raises what ``speak`` turns into ``ProviderAway``."""
    answer = session.get(address, withhold_token=True, auth=_as_it_is)
    return _object_in(answer)


def read_own_document(session: Any, address: str) -> dict[str, Any]:  # noqa: ANN401 -- Authlib is untyped
    """A JSON object that takes the access token. Raises what ``speak`` turns into ``ProviderAway``."""
    return _object_in(session.get(address))


def describe_error(error: object, description: object) -> str:
    """What a provider says of an error, bounded and printable."""
    told = shown(str(error or "error"))
    return f"{told}: {shown(str(description))}" if description else told


class _NamedHosts(HTTPAdapter):
    """Sends nothing to a host that the configuration does not name, and reads no answer without end."""

    def __init__(self, sign_in: SignIn) -> None:
        super().__init__()
        self._sign_in = sign_in

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401 -- handed on to requests
        if not self._sign_in.is_open_to(request.url or ""):
            raise ProviderAway(f"it names {shown(request.url or '')}, which is on no host of sign_in.hosts")
        options["stream"] = True
        answer = super().send(request, **options)
        answer._content = _read(answer)  # noqa: SLF001 -- as requests itself keeps a body that was read
        return answer


def _read(answer: requests.Response) -> bytes:
    until, body = monotonic() + BODY_SECONDS, b""
    while part := bytes(answer.raw.read1(CHUNK, decode_content=True)):
        body += part
        if len(body) > LIMIT:
            raise ProviderAway(f"it answers with more than {LIMIT} bytes")
        if monotonic() > until:
            raise requests.Timeout
    answer.close()
    return body


def _object_in(answer: requests.Response) -> dict[str, Any]:
    answer.raise_for_status()
    content = answer.json()
    if not isinstance(content, dict):
        raise ProviderAway("it answers with JSON that is no object")
    return content


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """In the place of credentials: without it ``requests`` would look for some in ``~/.netrc``."""
    return request


def _told(error: Exception) -> str:
    """In one line, without the address that libraries repeat around the innermost reason."""
    if isinstance(error, requests.TooManyRedirects):
        return "it answers with a redirect, which is not followed"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"it answers with status {error.response.status_code}"
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS: {shown(str(_innermost(error)))}"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "it gave no answer in time"
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return "it answers with something that is no JSON"
    reason = _innermost(error)
    said = reason.strerror if isinstance(reason, OSError) else None
    return shown(said or str(reason) or type(reason).__name__)


def _innermost(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error
