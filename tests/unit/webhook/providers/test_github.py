from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import COMMIT, HOOK_SECRET, REPOSITORY, dump, headers, push, sign
from webhook.providers.events import BadBody, BadShape, BadSignature, Ignored, TagPush
from webhook.providers.github import GitHub

SECRETS = [Secret(HOOK_SECRET)]
SAMPLES = Path(__file__).parents[3] / "data" / "github"


def receive(payload: dict[str, Any], **how: str) -> TagPush | Ignored:
    body = dump(payload)
    return GitHub().receive(headers(body, **how), body, SECRETS)


def test_the_push_of_a_new_tag_is_one() -> None:
    assert receive(push()) == TagPush(
        repository=REPOSITORY,
        tag="v1.2.3-blue",
        commit=COMMIT,
        delivery="72d3162e-cc78-11e3-81ab-4c9367dc0958",
        pusher="octocat",
    )


def test_the_commit_of_an_annotated_tag_is_not_its_tag_object() -> None:
    event = receive(push(after="b8ec69cbb0a4c521d84f6bff2b8788c343e2a9de"))
    assert isinstance(event, TagPush)
    assert event.commit == COMMIT


def test_without_a_head_commit_the_commit_is_left_open() -> None:
    event = receive(push(head_commit=None))
    assert isinstance(event, TagPush)
    assert event.commit == ""


def test_a_tag_keeps_its_slashes() -> None:
    event = receive(push(ref="refs/tags/team/v1-blue"))
    assert isinstance(event, TagPush)
    assert event.tag == "team/v1-blue"


def test_headers_count_whatever_their_case() -> None:
    body = dump(push())
    lower = {name.lower(): value for name, value in headers(body).items()}
    assert isinstance(GitHub().receive(lower, body, SECRETS), TagPush)


def test_a_delivery_without_an_id_is_known_by_its_body() -> None:
    body = dump(push())
    bare = {name: value for name, value in headers(body).items() if name != "X-GitHub-Delivery"}
    first, again = (GitHub().receive(bare, body, SECRETS) for _ in range(2))
    assert first.delivery == again.delivery
    assert first.delivery.startswith("sha256:")


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
        (push(created=False), "moved"),
    ],
)
def test_a_push_of_something_else_is_ignored_saying_why(payload: dict[str, Any], word: str) -> None:
    event = receive(payload)
    assert isinstance(event, Ignored)
    assert word in event.reason


@pytest.mark.parametrize("event", ["ping", "create", "delete", "release", "fork", "workflow_run"])
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


def test_a_missing_event_header_is_a_wrong_shape() -> None:
    with pytest.raises(BadShape, match="X-GitHub-Event"):
        receive(push(), event="")


def test_nothing_is_parsed_before_the_signature_holds() -> None:
    with pytest.raises(BadSignature):
        GitHub().receive(headers(b"{", secret="another secret altogether"), b"{", SECRETS)
    with pytest.raises(BadBody):
        GitHub().receive(headers(b"{"), b"{", SECRETS)


def test_a_signature_over_json_written_anew_is_refused() -> None:
    body = dump(push())
    again = json.dumps(json.loads(body)).encode()
    with pytest.raises(BadSignature):
        GitHub().receive(headers(body, **{"X-Hub-Signature-256": sign(again)}), body, SECRETS)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_samples_become_what_they_say(sample: Path) -> None:
    # Given a sample that holds the event's name, its payload and what it should become
    data = json.loads(sample.read_text(encoding="utf-8"))
    # When it arrives, signed
    event = receive(data["payload"], event=data["event"])
    # Then it starts what it says, or is ignored for the reason that it says
    if "tag" in data["expect"]:
        assert isinstance(event, TagPush)
        assert (event.tag, event.commit) == (data["expect"]["tag"], data["expect"]["commit"])
    else:
        assert isinstance(event, Ignored)
        assert data["expect"]["ignored"] in event.reason


def test_there_are_samples() -> None:
    assert len(list(SAMPLES.glob("*.json"))) >= 5
