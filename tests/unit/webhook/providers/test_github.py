from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import COMMIT, HOOK_SECRET, NOW, REPOSITORY, dump, headers, push, sign
from webhook.providers.events import BadBody, BadShape, BadSignature, Delivery, Ignored, NewTag, TagPush
from webhook.providers.github import GitHub

if TYPE_CHECKING:
    from webhook.providers.events import Event

SECRETS = [Secret(HOOK_SECRET)]


def make(payload: dict[str, Any], **how: str) -> Delivery:
    body = dump(payload)
    return Delivery(headers(body, **how), body, NOW)


def receive(payload: dict[str, Any], **how: str) -> Event:
    delivery = make(payload, **how)
    GitHub().verify(delivery, SECRETS)
    return GitHub().parse(delivery)


def test_the_push_of_a_new_tag_is_one() -> None:
    assert receive(push()) == TagPush(
        repository=REPOSITORY,
        tags=(NewTag("v1.2.3-blue", COMMIT),),
        delivery="72d3162e-cc78-11e3-81ab-4c9367dc0958",
        pusher="octocat",
    )


def test_the_commit_of_an_annotated_tag_is_not_its_tag_object() -> None:
    event = receive(push(after="b8ec69cbb0a4c521d84f6bff2b8788c343e2a9de"))
    assert isinstance(event, TagPush)
    assert event.tags[0].commit == COMMIT


def test_without_a_head_commit_the_commit_is_left_open() -> None:
    event = receive(push(head_commit=None))
    assert isinstance(event, TagPush)
    assert event.tags[0].commit == ""


def test_a_moved_tag_is_told_as_one_with_its_commit() -> None:
    event = receive(push(created=False))
    assert isinstance(event, TagPush)
    assert event.tags == (NewTag("v1.2.3-blue", COMMIT, is_move=True),)


def test_a_pusher_with_marks_is_written_out() -> None:
    event = receive(push(pusher={"name": "oct\u202eocat\n"}))
    assert isinstance(event, TagPush)
    assert event.pusher == "oct\\u202eocat\\u000a"


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (push(ref="refs/heads/v1.2.3-blue"), "branch"),
        (push(ref="refs/heads/refs/tags/v1.2.3-blue"), "branch"),
        (push(created=False, deleted=True, head_commit=None), "deleted"),
    ],
)
def test_a_push_of_something_else_is_ignored_saying_why(payload: dict[str, Any], word: str) -> None:
    event = receive(payload)
    assert isinstance(event, Ignored)
    assert word in event.reason


@pytest.mark.parametrize("event", ["ping", "create", "delete", "release", "fork", "workflow_job"])
def test_other_events_are_ignored_naming_them(event: str) -> None:
    told = receive({"zen": "Keep it logically awesome."}, event=event)
    assert isinstance(told, Ignored)
    assert event in told.reason


SHAPES = {
    "repository null": push(repository=None),
    "repository missing": {key: value for key, value in push().items() if key != "repository"},
    "repository a list": push(repository=[{"full_name": REPOSITORY}]),
    "repository name a number": push(repository={"full_name": 1, "name": "x", "owner": {}}),
    "ref a number": push(ref=1),
    "ref an object": push(ref={"name": "refs/tags/v1-blue"}),
    "created a string": push(created="true"),
    "created a number": push(created=1),
    "deleted missing": {key: value for key, value in push().items() if key != "deleted"},
    "commit too short": push(head_commit={"id": "6113728"}),
    "commit in capitals": push(head_commit={"id": COMMIT.upper()}),
    "commit with a line break": push(head_commit={"id": COMMIT + "\n"}),
    "commit a number": push(head_commit={"id": 1}),
    "head commit a list": push(head_commit=[COMMIT]),
    "pusher a string": push(pusher="octocat"),
}


@pytest.mark.parametrize("payload", SHAPES.values(), ids=SHAPES.keys())
def test_a_signed_body_of_another_shape_is_told_from_a_broken_one(payload: dict[str, Any]) -> None:
    with pytest.raises(BadShape):
        receive(payload)


def test_a_signature_does_not_ask_what_it_signs() -> None:
    with pytest.raises(BadSignature):
        GitHub().verify(Delivery(headers(b"{", secret="another secret altogether"), b"{", NOW), SECRETS)
    with pytest.raises(BadBody):
        GitHub().parse(Delivery(headers(b"{"), b"{", NOW))


def test_a_signature_over_json_written_anew_is_refused() -> None:
    again = json.dumps(json.loads(dump(push()))).encode()
    with pytest.raises(BadSignature):
        receive(push(), **{"X-Hub-Signature-256": sign(again)})


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (b"Hello, World!", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
        (b"Hello World!", "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"),
    ],
)
def test_the_published_vectors_hold(body: bytes, signature: str) -> None:
    given = {"X-Hub-Signature-256": signature}
    GitHub().verify(Delivery(given, body, NOW), [Secret("It's a Secret to Everybody")])
    with pytest.raises(BadSignature):
        GitHub().verify(Delivery(given, body + b"!", NOW), [Secret("It's a Secret to Everybody")])
