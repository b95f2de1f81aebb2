"""Requests that must not get through, or must not break anything; each was a published weakness in a peer."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from tests.unit.webhook.fakes import HOOK_SECRET, OTHER_SECRET, TOKEN, Web, dump, headers, push, sign
from tests.unit.webhook.providers.test_github import SHAPES
from tests.unit.webhook.providers.test_strict_json import HOSTILE
from webhook.bodies import HOOK_LIMIT

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

BODY = dump(push())
GOOD = sign(BODY)
DIGEST = GOOD.removeprefix("sha256=")

FORGED = {
    "missing": None,
    "empty": "",
    "prefix only": "sha256=",
    "no prefix": DIGEST,
    "wrong prefix": f"sha512={DIGEST}",
    "prefix in capitals": f"SHA256={DIGEST}",
    "comma list": f"{GOOD},{GOOD}",
    "comma list of a wrong and the right one": f"sha256={'0' * 64}, {GOOD}",
    "sha1 in the header for sha256": "sha1=" + "a" * 40,
    "upper-case hex": f"sha256={DIGEST.upper()}",
    "too long": f"{GOOD}00",
    "too short": GOOD[:-2],
    "non-ascii": "sha256=" + "é" * 64,
    "full-width digits": "sha256=" + "\uff11" * 64,
    "made with an empty key": sign(BODY, ""),
    "made over the JSON written anew": sign(json.dumps(json.loads(BODY)).encode()),
    "made with another app's secret": sign(BODY, OTHER_SECRET),
    "made for another body": sign(BODY + b" "),
}


def post(web: Web, body: bytes, given: dict[str, str]) -> TestResponse:
    return web.client.post("/webhooks/github", data=body, headers=given)


def test_a_forged_signature_is_refused_with_one_uniform_answer(web: Web) -> None:
    answers = set()
    for name, signature in FORGED.items():
        given = headers(BODY)
        del given["X-Hub-Signature-256"]
        if signature is not None:
            given["X-Hub-Signature-256"] = signature.encode().decode("latin-1")
        answer = post(web, BODY, given)
        assert answer.status_code == 401, name
        answers.add((answer.data, tuple(sorted(name for name, _ in answer.headers))))
    assert len(answers) == 1
    assert not web.requests.asked


def test_a_valid_sha1_header_alone_is_not_enough(web: Web) -> None:
    given = headers(BODY)
    given["X-Hub-Signature"] = given.pop("X-Hub-Signature-256")
    assert post(web, BODY, given).status_code == 401


def test_a_body_over_the_limit_is_refused_by_its_length(web: Web) -> None:
    body = b" " * (HOOK_LIMIT + 1)
    assert post(web, body, headers(body)).status_code == 413


def test_a_chunked_body_over_the_limit_is_refused_and_not_cut(web: Web) -> None:
    body = dump(push()) + b" " * HOOK_LIMIT
    # The first HOOK_LIMIT bytes alone are JSON, and signed: a cut body would get through.
    given = headers(body[:HOOK_LIMIT])
    answer = web.client.post(
        "/webhooks/github",
        input_stream=io.BytesIO(body),
        headers={**given, "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    assert not web.requests.asked


def test_a_chunked_body_within_the_limit_is_read_whole(web: Web) -> None:
    answer = web.client.post(
        "/webhooks/github",
        input_stream=io.BytesIO(BODY),
        headers={**headers(BODY), "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 202


def test_an_announced_length_is_refused_before_a_byte_is_read(web: Web) -> None:
    stream = io.BytesIO(b"x" * 10)
    answer = web.client.post(
        "/webhooks/github",
        input_stream=stream,
        headers=headers(b""),
        environ_overrides={"CONTENT_LENGTH": str(HOOK_LIMIT + 1)},
    )
    assert answer.status_code == 413
    assert stream.tell() == 0


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_json_is_a_bad_request(web: Web, body: bytes) -> None:
    assert post(web, body, headers(body)).status_code == 400


@pytest.mark.parametrize("payload", SHAPES.values(), ids=SHAPES.keys())
def test_another_shape_is_unprocessable_and_the_next_delivery_is_served(
    web: Web, payload: dict[str, Any]
) -> None:
    body = dump(payload)
    assert post(web, body, headers(body)).status_code == 422
    assert post(web, BODY, headers(BODY)).status_code == 202


def test_headers_of_other_hosts_count_for_nothing(web: Web) -> None:
    given = headers(BODY)
    del given["X-Hub-Signature-256"]
    others = {
        "X-Gitea-Signature": DIGEST,
        "X-Gogs-Signature": DIGEST,
        "X-Hub-Signature": GOOD,
        "X-Gitlab-Token": HOOK_SECRET,
        "Authorization": f"Bearer {TOKEN}",
    }
    assert post(web, BODY, {**given, **others}).status_code == 401


def test_addresses_in_a_payload_reach_nobody(web: Web) -> None:
    # Given a payload whose every address points inside
    inside = "http://169.254.169.254/latest/meta-data"
    repository = {**push()["repository"], "clone_url": "ext::sh -c id", "url": inside, "hooks_url": inside}
    body = dump(push(repository=repository, compare=inside))
    # When it arrives with headers of a forged enterprise host
    answer = post(web, body, headers(body, **{"X-GitHub-Enterprise-Host": "169.254.169.254"}))
    # Then what is asked of the core names only the configured app, the tag, the commit and the pusher
    assert answer.status_code == 202
    assert "169.254" not in repr(web.requests.asked)
    assert "ext::" not in repr(web.requests.asked)


HOSTILE_TAGS = {
    "command substitution": "v$(id)-blue",
    "backquotes": "v`id`-blue",
    "template": "v{{7*7}}-blue",
    "semicolon": "v;rm-blue",
    "markup": "v<script>alert(1)</script>-green",
    "path": "v../../x-blue",
    "slash": "v1/hotfix-blue",
    "right-to-left mark": "v1\u202e-blue",
    "zero width": "v1\u200b-blue",
    "too long": "v" + "1" * 4000 + "-blue",
    "non-ascii": "v1é-blue",
    "plus": "v1+b-blue",
    "percent": "v1%0a-blue",
    "option": "v1 --upload-pack=x-blue",
}


@pytest.mark.parametrize("tag", HOSTILE_TAGS.values(), ids=HOSTILE_TAGS.keys())
def test_a_hostile_tag_is_refused_with_a_reason_in_a_200(web: Web, tag: str) -> None:
    body = dump(push(ref=f"refs/tags/{tag}"))
    with capture_logs() as lines:
        answer = post(web, body, headers(body))
    assert answer.status_code == 200
    assert answer.json is not None
    assert "can't be released" in answer.json["reason"]
    assert len(answer.json["reason"]) < 400
    assert not web.requests.asked
    assert all(str(value).isprintable() for line in lines for value in line.values())


def test_a_token_in_the_address_signs_nothing(web: Web) -> None:
    answer = web.client.post(f"/webhooks/github?token={TOKEN}&secret={HOOK_SECRET}", json=push())
    assert answer.status_code == 401


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_not_allowed(web: Web, method: str) -> None:
    assert getattr(web.client, method)("/webhooks/github").status_code == 405


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=klingon",
        "application/jsonp",
        "",
    ],
)
def test_what_is_not_json_in_utf8_is_unsupported(web: Web, content_type: str) -> None:
    assert post(web, BODY, headers(BODY, **{"Content-Type": content_type})).status_code == 415


def test_json_with_its_charset_named_is_taken(web: Web) -> None:
    given = headers(BODY, **{"Content-Type": "application/json; charset=UTF-8"})
    assert post(web, BODY, given).status_code == 202


def test_refusals_name_no_header_hook_app_or_secret(web: Web) -> None:
    fork = push(repository={"full_name": "mallory/x", "name": "x", "owner": {}})
    forged = headers(BODY, secret="a wrong secret altogether", **{"X-Gitlab-Token": HOOK_SECRET})
    answers = [
        post(web, BODY, forged),
        post(web, dump(fork), headers(dump(fork))),
        web.client.post("/webhooks/unknown", data=BODY, headers=forged),
    ]
    assert [answer.status_code for answer in answers] == [401, 403, 404]
    for answer in answers:
        told = answer.text.lower() + str(answer.headers).lower()
        for word in ("x-hub", "signature", "sha256", "shop", "forum", "mallory", DIGEST, HOOK_SECRET.lower()):
            assert word not in told


def test_no_secret_is_logged_even_when_the_sender_echoes_it(web: Web) -> None:
    echoed = {"X-Gitlab-Token": HOOK_SECRET, "User-Agent": HOOK_SECRET, "Authorization": f"Bearer {TOKEN}"}
    with capture_logs() as lines:
        post(web, BODY, headers(BODY, **echoed))
        post(web, BODY, headers(BODY, secret="a wrong secret altogether", **echoed))
        web.client.get("/api/v1/apps", headers={"Authorization": f"Basic {TOKEN}"})
    assert lines
    assert HOOK_SECRET not in repr(lines)
    assert TOKEN not in repr(lines)
