"""Spoiled deliveries of every host: no error of ours, and no release without a valid signature.

``VERDIGRIS_FUZZ`` is how many in all (20,000 for the whole run), ``VERDIGRIS_FUZZ_SEED`` which. Recorded
deliveries are spoiled, too, where ``VERDIGRIS_PAYLOADS`` names them.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections import Counter
from datetime import UTC
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from release.ci import CheckState
from release.tag import find_color, find_refusal
from tests.contract.mutations import Message, is_signed, spoil
from tests.unit.webhook.fakes import make_web
from tests.unit.webhook.hosts import HOSTS, WITH_EVERY_HOST, dump, make_host_config, read_sample, samples_of
from webhook.providers.checks import MOST_CHECKS, NAME_LIMIT

if TYPE_CHECKING:
    from tests.unit.webhook.fakes import Web
    from tests.unit.webhook.hosts import Host

COUNT: Final = int(os.environ.get("VERDIGRIS_FUZZ", "540"))
SEED: Final = os.environ.get("VERDIGRIS_FUZZ_SEED", "1")
PAYLOADS: Final = os.environ.get("VERDIGRIS_PAYLOADS", "")
FOLDERS: Final = {"bitbucket": "bitbucket-cloud"}
EXPECTED: Final = {200, 202, 400, 401, 403, 413, 415, 422, 429}
REFUSED: Final = {400, 401, 413, 415, 429}


def originals(host: Host) -> list[Message]:
    """What the host sends: our samples and recorded deliveries, as often a new tag, half as often a check."""
    samples = [read_sample(host.provider, name) for name in samples_of(host.provider)]
    bodies = [(dump(sample["payload"]), sample["event"]) for sample in samples]
    bodies += recorded(host)
    count = len(bodies)
    bodies += [(dump(host.push()), host.event)] * count
    if host.ci:
        bodies += [(dump(host.report()), host.ci.event)] * (count // 2)
    return [Message(host, host.headers(body, event=event), body) for body, event in bodies]


def recorded(host: Host) -> list[tuple[bytes, str]]:
    folder = Path(PAYLOADS) / FOLDERS.get(host.provider, host.provider)
    found = []
    for path in sorted(folder.glob("*.json")) if PAYLOADS else ():
        delivery = json.loads(path.read_text(encoding="utf-8"))
        raw = delivery.get("raw_body_b64")
        body = base64.b64decode(raw) if raw else dump(delivery["body"])
        found.append((body, delivery["headers"].get(host.event_header, "")))
    return found


def send(web: Web, message: Message) -> int:
    headers = {
        name: value.encode("latin-1", "replace").decode("latin-1") for name, value in message.headers.items()
    }
    answer = web.client.post(message.host.address, data=message.body, headers=headers)
    return answer.status_code


def check_asked(web: Web, message: Message) -> None:
    """Only of the host's own app; a delivery that tells of CI starts nothing."""
    assert {asked.subject for asked in web.requests.asked} <= {message.host.name}
    assert {asked.what for asked in web.requests.asked} in (set(), {"deploy"}, {"note_checks"})
    for asked in web.requests.asked:
        check = check_release if asked.what == "deploy" else check_report
        check(asked.given)


def check_release(given: dict[str, Any]) -> None:
    """Only tags that are safe."""
    assert find_color(given["tag"])
    assert find_refusal(given["tag"]) is None
    assert len(given["commit"]) in {0, 40, 64}
    assert given["actor"].name.isprintable()


def check_report(given: dict[str, Any]) -> None:
    """Only a whole commit, and names that can be kept and told."""
    assert re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", given["commit"])
    assert 1 <= len(given["checks"]) <= MOST_CHECKS
    assert len({check.name for check in given["checks"]}) == len(given["checks"])
    for check in given["checks"]:
        assert 1 <= len(check.name) <= NAME_LIMIT
        assert check.name.isprintable()
        assert isinstance(check.state, CheckState)
        assert check.at is None or check.at.tzinfo is UTC


@WITH_EVERY_HOST
def test_no_spoiled_delivery_breaks_the_hook_or_starts_a_release_unsigned(tmp_path: Path, host: Host) -> None:
    # Given what a host sends, and a process that takes it
    web, sources = make_web(make_host_config(tmp_path, host)), originals(host)
    statuses: Counter[tuple[bool, int]] = Counter()
    asked: Counter[str] = Counter()
    for number in range(-(-COUNT // len(HOSTS))):
        # When one of them comes spoiled
        random = Random(f"{SEED}/{host.name}/{number}")  # noqa: S311 -- no secret is made of it
        message = spoil(random.choice(sources), random)
        status = send(web, message)
        # Then it is answered; only who knows a secret is told more than a refusal; and a release starts only
        # for the app whose own secret signs it
        where = (
            f"VERDIGRIS_FUZZ_SEED={SEED} {host.name} {number}: {status} {message.headers} {message.body!r}"
        )
        is_own, is_others = is_signed(message, host.secret), is_signed(message, host.other_secret)
        assert status in EXPECTED, where
        assert is_own or is_others or is_ping(message) or status in REFUSED, where
        assert is_own or not web.requests.asked, where
        check_asked(web, message)
        asked.update(one.what for one in web.requests.asked)
        statuses[is_own, status] += 1
        web.requests.asked.clear()
        web.requests.known.clear()
    # And all kinds were among them: releases, signed nonsense, forgeries
    assert statuses[True, 202] > 0
    assert asked["deploy"] > 0
    assert bool(asked["note_checks"]) == bool(host.ci)
    assert statuses[True, 200] + statuses[True, 422] > 0
    assert statuses[False, 401] + statuses[False, 429] > 0


def is_ping(message: Message) -> bool:
    """The one request that is answered unsigned, and starts nothing."""
    given = {name.lower(): value for name, value in message.headers.items()}
    is_ours = message.host.provider == "bitbucket-server" and given.get("x-event-key") == "diagnostics:ping"
    return is_ours and not given.get("x-hub-signature")
