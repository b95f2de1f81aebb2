"""Headers that every answer carries: nothing from elsewhere runs, frames or watches these pages.

They never change, so they stand here. Flask-Talisman would add redirects and cookies, settled elsewhere,
and has had no release since 2023.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from flask import Flask

    Headers = list[tuple[str, str]]

POLICY: Final = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self'; "
    "connect-src 'self'; "
    "form-action 'self'; "
    "frame-ancestors 'none'; "
    "base-uri 'none'"
)

POWERS: Final = (
    *("accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "hid"),
    *("magnetometer", "microphone", "midi", "payment", "serial", "usb", "xr-spatial-tracking"),
)
"""Of a browser, none of which a page here needs."""

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{power}=()" for power in POWERS),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def add_headers(app: Flask, *, is_https: bool) -> None:
    """Put them on every answer of ``app``; only what never changes may be kept by browsers and proxies.

    They are put on last, behind Flask, which would look at each of them several times.
    """
    always = [*HEADERS.items(), *([("Strict-Transport-Security", "max-age=31536000")] if is_https else [])]
    names, inner = frozenset(name for name, _ in always), app.wsgi_app

    def complete(headers: Headers) -> Headers:
        own = [pair for pair in headers if pair[0] not in names]
        kept = [] if any(name == "Cache-Control" for name, _ in own) else [("Cache-Control", "no-store")]
        return [*own, *always, *kept]

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: Headers, *error: Any) -> Callable[[bytes], object]:  # noqa: ANN401 -- as WSGI has it
            return start_response(status, complete(headers), *error)

        return inner(environ, start)

    app.wsgi_app = answer  # type: ignore[method-assign]  # Flask's own way for what stands around it
