"""``/metrics``: who may read it, what it tells, and what it tells while Redis is away."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from release.config import Config
from release.model import Actor
from release.redis_access import key
from release.roles import Grant, Role
from tests.unit.webhook.fakes import NOW, TOKEN, Web, dump, headers, make_config, make_web, push

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.test import TestResponse

BEARER = {"Authorization": f"Bearer {TOKEN}"}
DELIVERIES = "verdigris_deliveries_total"
ELSEWHERE = {"full_name": "somebody/else", "name": "else", "owner": {"login": "somebody"}}


def scrape(web: Web, **more: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """By name and labels."""
    answer = web.client.get("/metrics", headers={**BEARER, **more})
    assert answer.status_code == 200
    return samples(answer)


def samples(answer: TestResponse) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


def value(found: dict[Any, float], name: str, **labels: str) -> float | None:
    return found.get((name, tuple(sorted(labels.items()))))


def with_metrics(tmp_path: Path, **given: object) -> Web:
    config = make_config(tmp_path)
    return make_web(Config.model_validate({**config.model_dump(exclude_unset=True), "metrics": given}))


def count(web: Web, amount: int, *name: str) -> None:
    """As the scripts do."""
    field = "[" + ",".join(f'"{part}"' for part in name) + "]"
    client: Any = web.store.counts._redis
    client.hincrby(key("counts"), field, amount)


def token_of(web: Web, role: Role, *apps: str) -> dict[str, str]:
    grant = Grant(role, frozenset(apps))
    made = web.store.api_tokens.make(f"{role}-x", grant, made_by=Actor("person", "anna"), now=NOW)[1]
    return {"Authorization": f"Bearer {made.reveal()}"}


def test_nobody_reads_them_without_a_token(web: Web) -> None:
    answer = web.client.get("/metrics")

    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_in_the_address_is_none(web: Web) -> None:
    assert web.client.get(f"/metrics?token={TOKEN}").status_code == 401


def test_a_viewer_of_all_apps_reads_them_and_one_of_some_does_not(web: Web) -> None:
    assert web.client.get("/metrics", headers=token_of(web, Role.VIEWER)).status_code == 200
    answer = web.client.get("/metrics", headers=token_of(web, Role.ADMIN, "shop"))
    assert answer.status_code == 403
    assert "viewer" in answer.get_json(force=True)["next_step"]


def test_where_reading_is_open_the_numbers_are(open_web: Web) -> None:
    assert open_web.client.get("/metrics").status_code == 200


def test_the_configuration_may_open_them_to_everybody(tmp_path: Path) -> None:
    web = with_metrics(tmp_path, public=True)

    assert web.client.get("/metrics").status_code == 200
    assert web.client.get("/api/v1/apps").status_code == 401


@pytest.mark.parametrize(("network", "status"), [("127.0.0.0/8", 200), ("10.0.0.0/8", 401)])
def test_the_configuration_may_open_them_to_networks(tmp_path: Path, network: str, status: int) -> None:
    web = with_metrics(tmp_path, networks=[network])

    assert web.client.get("/metrics").status_code == status
    assert web.client.get("/metrics", headers=BEARER).status_code == 200


def test_prometheus_gets_the_format_that_it_asks_for(web: Web) -> None:
    asked = {"Accept": "application/openmetrics-text;version=1.0.0"}
    answer = web.client.get("/metrics", headers={**BEARER, **asked})

    assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    assert "verdigris_redis_up" in {family.name for family in parse_openmetrics(answer.text)}


def test_what_was_counted_in_redis_is_told_of_configured_apps_alone(web: Web) -> None:
    count(web, 3, "releases", "shop", "live")
    count(web, 2, "releases", "gone", "live")
    count(web, 4, "stages", "shop", "deploy", "failed")

    found = scrape(web)

    assert value(found, "verdigris_releases_total", app="shop", state="live") == 3
    assert value(found, "verdigris_stages_total", app="shop", stage="deploy", outcome="failed") == 4
    assert "gone" not in repr(found)


def test_the_first_failure_and_the_first_lost_request_are_an_increase(web: Web) -> None:
    found = scrape(web)

    for app in ("shop", "forum"):
        assert value(found, "verdigris_releases_total", app=app, state="failed") == 0
        assert value(found, "verdigris_switch_lost_requests_total", app=app) == 0


def test_durations_are_histograms(web: Web) -> None:
    # Given three stages that took up to 0.1 s, 120 s and more than an hour
    for bound in ("100", "120000", "more"):
        count(web, 1, "stage-took", "deploy", bound)
    count(web, 4_000_500, "stage-milliseconds", "deploy")
    # When they are scraped
    found = scrape(web)
    # Then each bucket holds all below it
    name = "verdigris_stage_duration_seconds"
    bounds = {bound: value(found, f"{name}_bucket", stage="deploy", le=bound) for bound in BOUNDS}
    assert bounds == {"0.1": 1, "60.0": 1, "120.0": 2, "3600.0": 2, "+Inf": 3}
    assert value(found, f"{name}_count", stage="deploy") == 3
    assert value(found, f"{name}_sum", stage="deploy") == 4000.5


BOUNDS = ("0.1", "60.0", "120.0", "3600.0", "+Inf")


def test_how_things_stand_is_told_with_zeros(web: Web) -> None:
    found = scrape(web)

    assert value(found, "verdigris_redis_up") == 1
    assert value(found, "verdigris_queue_length", queue="shop") == 0
    assert value(found, "verdigris_jobs_stuck", reason="not-taken", workers="switches") == 0
    assert value(found, "verdigris_last_reconciler_look_seconds") == float("inf")
    assert value(found, "verdigris_app_observation_age_seconds", app="shop") == float("inf")
    assert value(found, "verdigris_app_live", app="shop", color="blue") is None


def test_the_live_color_is_told(web: Web) -> None:
    client: Any = web.store.counts._redis
    seen = '{"at": "2026-01-01T11:59:57Z", "live": "green", "problem": ""}'
    client.set(key("app", "shop", "observation"), seen)

    found = scrape(web)

    live = [value(found, "verdigris_app_live", app="shop", color=color) for color in ("blue", "green")]
    assert live == [0, 1]
    assert value(found, "verdigris_app_readable", app="shop") == 1


def test_without_redis_the_process_tells_what_it_knows_itself(web: Web) -> None:
    web.client.get("/healthz")
    web.store.is_away = True

    found = scrape(web)

    assert value(found, "verdigris_redis_up") == 0
    assert value(found, "verdigris_http_requests_total", method="GET", route="/healthz", status="200") == 1
    assert not [name for name, _ in found if name.startswith("verdigris_queue")]


def test_a_token_of_run_time_can_t_be_known_without_redis(web: Web) -> None:
    header = token_of(web, Role.VIEWER)
    web.store.is_away = True

    answer = web.client.get("/metrics", headers=header)

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({}, "accepted"),
        ({"ref": "refs/tags/v1"}, "ignored"),
        ({"repository": ELSEWHERE}, "unknown-repository"),
        ({"repository": 3}, "unreadable"),
    ],
)
def test_a_delivery_counts_by_what_became_of_it(web: Web, given: dict[str, object], result: str) -> None:
    body = dump(push(**given))

    web.client.post("/webhooks/github", data=body, headers=headers(body))

    assert value(scrape(web), DELIVERIES, provider="github", result=result) == 1


def test_refused_signatures_count_also_where_the_sender_is_only_told_to_stop(web: Web) -> None:
    body = dump(push())
    for _ in range(30):
        web.client.post("/webhooks/github", data=body, headers=headers(body, secret="guessed"))

    found = scrape(web)

    refused = value(found, DELIVERIES, provider="github", result="bad-signature") or 0
    often = value(found, DELIVERIES, provider="github", result="bad-signature-often") or 0
    assert refused + often == 30
    assert often > 0


def test_a_delivery_that_comes_again_and_one_that_the_core_refuses_are_told_apart(web: Web) -> None:
    body = dump(push())
    for _ in range(2):
        web.client.post("/webhooks/github", data=body, headers=headers(body))
    web.requests.is_away = True
    other = dump(push(ref="refs/tags/v9-blue"))
    web.client.post("/webhooks/github", data=other, headers=headers(other, **{"X-GitHub-Delivery": "d9"}))

    found = scrape(web)

    counts = {
        dict(labels)["result"]: number for (name, labels), number in found.items() if name == DELIVERIES
    }
    told = {result: number for result, number in counts.items() if number}
    assert told == {"accepted": 1, "duplicate": 1, "not-recorded": 1}


def test_how_channels_fare_is_told(tmp_path: Path) -> None:
    # Given a channel that has failed for a minute, and one of which nobody has heard
    (tmp_path / "hook").write_text("https://chat.example/services/T0/B0/secret", encoding="utf-8")
    channel = {"kind": "slack", "url": {"file": tmp_path / "hook"}}
    config = make_config(tmp_path).model_dump(exclude_unset=True)
    web = make_web(Config.model_validate({**config, "channels": {"chat": channel, "quiet": channel}}))
    client: Any = web.store.counts._redis
    since = str(round((NOW - timedelta(minutes=1)).timestamp() * 1000))
    record = {"sent": "3", "dropped": "1", "failing_since": since}
    client.hset(key("signals", "channel", "chat"), mapping=record)
    client.rpush(key("signals", "line", "chat"), "m1", "m2")
    # When they are scraped
    found = scrape(web)
    # Then it is told since when, and what waits
    failing = "verdigris_channel_failing_seconds"
    assert [value(found, failing, channel=name) for name in ("chat", "quiet")] == [60, 0]
    assert value(found, "verdigris_channel_pending", channel="chat") == 2
    assert value(found, "verdigris_channel_messages_total", channel="chat", result="sent") == 3
    assert value(found, "verdigris_channel_messages_total", channel="chat", result="dropped") == 1
    assert "secret" not in repr(found)


def test_what_a_sender_chooses_is_never_a_label(web: Web) -> None:
    body = dump(push(ref="refs/tags/chosen-v1-blue"))
    web.client.post("/webhooks/chosen", data=body, headers=headers(body))
    web.client.post("/webhooks/github", data=body, headers=headers(body))
    web.client.get("/chosen/path?chosen=1")
    web.client.get("/api/v1/apps/chosen", headers=BEARER)
    web.client.open("/healthz", method="CHOSEN")

    answer = web.client.get("/metrics", headers=BEARER)

    assert "chosen" not in answer.text.lower()
    found = samples(answer)
    assert value(found, "verdigris_http_requests_total", method="other", route="none", status="405") == 1


def test_every_metric_is_ours_by_name_and_has_a_text(web: Web) -> None:
    text = web.client.get("/metrics", headers=BEARER).text

    helped = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    typed = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    assert [name for name in typed if not name.startswith("verdigris_")] == []
    assert [name for name in typed if len(helped[name]) < 10] == []
