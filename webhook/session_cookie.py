"""The session's cookie, left alone where there is none: programs have no session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask.sessions import SecureCookieSessionInterface

if TYPE_CHECKING:
    from flask import Flask, Request, Response
    from flask.sessions import SecureCookieSession, SessionMixin


class CookieSessions(SecureCookieSessionInterface):
    """Flask's own, which makes a signer for each request, whether there is something to check or not."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """An empty session without a cookie of that name."""
        if self.get_cookie_name(app) not in request.environ.get("HTTP_COOKIE", ""):
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Nothing where nobody has looked at it."""
        if session.accessed or session.modified or session:
            super().save_session(app, session, response)
