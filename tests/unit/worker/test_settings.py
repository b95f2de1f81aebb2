"""Celery's settings, each of which was measured to matter."""

from __future__ import annotations

import pytest
from celery import Celery
from celery.app.defaults import NAMESPACES, flatten

from worker.settings import sender_settings, verified, worker_settings

URL = "redis://127.0.0.1:6379/0"
FOR_A_REASON = {
    "task_acks_late": False,
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    "worker_concurrency": 1,
    "task_track_started": False,
    "result_extended": True,
    "worker_send_task_events": True,
    "task_send_sent_event": True,
    "worker_consumer": "worker.consumer:SteadyConsumer",
    "broker_connection_retry": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "task_publish_retry_policy": {
        "max_retries": 180,
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 1,
    },
    "result_backend_always_retry": True,
    "result_backend_max_retries": 30,
    "redis_socket_timeout": 10,
    "redis_socket_keepalive": True,
    "result_expires": 86_400,
    "task_serializer": "json",
    "accept_content": ["json"],
}


@pytest.mark.parametrize(("name", "value"), FOR_A_REASON.items())
def test_workers_are_set_as_it_was_measured(name: str, value: object) -> None:
    app = Celery("test", set_as_current=False)
    app.config_from_object(worker_settings(URL))

    assert app.conf[name] == value


def test_a_message_is_hidden_from_other_workers_for_longer_than_any_stage_takes() -> None:
    options = worker_settings(URL)["broker_transport_options"]

    assert options == {
        "visibility_timeout": 43_200,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }


def test_a_result_is_stored_over_an_outage() -> None:
    policy = worker_settings(URL)["result_backend_transport_options"]["retry_policy"]

    assert policy == {"max_retries": 180, "interval_start": 0, "interval_step": 0.2, "interval_max": 1}


def test_the_web_process_gives_up_after_a_second_and_stores_no_results() -> None:
    settings = sender_settings(URL)

    assert settings["task_publish_retry"] is False
    assert settings["result_backend"] == "disabled://"
    assert settings["broker_transport_options"]["socket_timeout"] == 1
    assert settings["broker_transport_options"]["socket_connect_timeout"] == 1


def test_each_setting_is_one_that_celery_knows() -> None:
    known = {str(setting[0]) for setting in flatten(NAMESPACES)}

    assert set(worker_settings(URL)) | set(sender_settings(URL)) <= known


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (URL, URL),
        ("rediss://:p@redis:6380/0", "rediss://:p@redis:6380/0?ssl_cert_reqs=required"),
        ("rediss://redis/0?db=1", "rediss://redis/0?db=1&ssl_cert_reqs=required"),
        ("rediss://redis/0?ssl_cert_reqs=none", "rediss://redis/0?ssl_cert_reqs=none"),
    ],
)
def test_a_certificate_is_looked_at_unless_the_address_says_otherwise(given: str, used: str) -> None:
    assert verified(given) == used
    assert (worker_settings(given)["broker_url"], sender_settings(given)["broker_url"]) == (used, used)
