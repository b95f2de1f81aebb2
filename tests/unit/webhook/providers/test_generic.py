from __future__ import annotations

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import HOOK_SECRET
from tests.unit.webhook.hosts import GENERIC, OTHER_SIGNING_KEY, SIGNING_KEY
from webhook.providers.events import BadSecret, BadShape, CheckReport, Ignored, TagPush
from webhook.providers.generic import Generic


def test_only_keys_of_the_standards_form_are_taken() -> None:
    Generic().check_secrets([Secret(SIGNING_KEY), Secret(OTHER_SIGNING_KEY)])
    with pytest.raises(BadSecret, match="whsec_"):
        Generic().check_secrets([Secret(SIGNING_KEY), Secret(HOOK_SECRET)])


@pytest.mark.parametrize("payload", [{}, {"type": None}, {"type": 1}, {"test": 2432232314}])
def test_without_a_type_it_is_no_event(payload: dict[str, object]) -> None:
    with pytest.raises(BadShape, match="type"):
        Generic().parse(GENERIC.delivery(payload))


@pytest.mark.parametrize(
    ("moved", "expected"), [(True, (True, True)), (False, (False, True)), (None, (False, False))]
)
def test_a_sender_may_tell_whether_a_tag_was_moved(moved: object, expected: tuple[bool, bool]) -> None:
    payload = GENERIC.push()
    payload["data"]["moved"] = moved
    event = Generic().parse(GENERIC.delivery(payload))
    assert isinstance(event, TagPush)
    assert (event.tags[0].is_move, event.is_move_told) == expected


@pytest.mark.parametrize("state", ["pending", "passed", "failed"])
def test_a_check_has_the_state_that_its_sender_gives_it(state: str) -> None:
    payload = GENERIC.report()
    payload["data"]["state"] = state
    event = Generic().parse(GENERIC.delivery(payload))
    assert isinstance(event, CheckReport)
    assert [check.state.value for check in event.checks] == [state]


def test_another_type_needs_no_data() -> None:
    event = Generic().parse(GENERIC.delivery({"type": "invoice.paid"}))
    assert isinstance(event, Ignored)
    assert "invoice.paid" in event.reason
