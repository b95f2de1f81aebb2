"""The API's own description: ``/api/v1/openapi.json`` for programs, ``/api`` for people.

Both need no token and no sign-in: they tell what every copy of Verdigris tells, nothing of this one but its
address, and people look here for how to sign their calls.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any, Final, cast

from flask import Blueprint, current_app, make_response, render_template, request

from webhook.answers import json_answer
from webhook.api_description import describe
from webhook.api_parameters import NoQuery, read_query
from webhook.openapi import PREFIX, build_document
from webhook.reference_view import look_at_document
from webhook.services import current_sender, services

if TYPE_CHECKING:
    from flask import Response

reference = Blueprint("reference", __name__)

KEPT: Final = "verdigris-openapi"


@reference.before_request
def check_caller() -> None:
    """Open to all, but not to floods.

    Raises:
        Problem: 429.
    """
    services().throttle.check_calls(None, current_sender())


@reference.get(f"{PREFIX}/openapi.json")
@describe("document", answers=dict[str, Any], is_public=True)
def show_openapi() -> Response:
    """This description, as an OpenAPI document. It needs no token."""
    read_query(NoQuery, request.args)
    return json_answer(get_document())


@reference.get("/api")
def show_reference() -> Response:
    """The same to read. It is long, so it is sent compressed.

    Nothing in it comes from the request: its length tells nobody about the token of the form in its head.
    """
    page = render_template("reference.html", api=look_at_document(get_document())).encode()
    answer = make_response(page)
    answer.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"]:
        answer.set_data(gzip.compress(page, compresslevel=6, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
    return answer


def get_document() -> dict[str, Any]:
    """The document of this application, made at the first call: every route is there by then."""
    if KEPT not in current_app.extensions:
        current_app.extensions[KEPT] = build_document(current_app, server=services().settings.address(""))
    return cast("dict[str, Any]", current_app.extensions[KEPT])
