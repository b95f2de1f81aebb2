"""Celery's settings, each for a measured reason (see docs/adr/0002-queue.md).

No acknowledgement, concurrency 1 and disabled prefetch keep Celery a mere transport: which stage runs, and
whether it may, is decided in Redis by ``release.queue``.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from kombu import Exchange, Queue

from release.plan import RELEASES_QUEUE, SWITCHES_QUEUE

# Three minutes of a Redis that refuses connections; one that keeps silent takes longer to answer each time.
_RETRIES = {"max_retries": 180, "interval_start": 0, "interval_step": 0.2, "interval_max": 1}


def worker_settings(redis_url: str) -> dict[str, Any]:
    """For workers, which wait out an outage of Redis."""
    return {
        **_common(redis_url),
        "task_acks_late": False,
        "task_queues": [_without_acknowledgement(name) for name in (RELEASES_QUEUE, SWITCHES_QUEUE)],
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        # A write that each stage would wait for before it begins. Flower has it from the event.
        "task_track_started": False,
        "result_extended": True,
        "worker_send_task_events": True,
        "worker_concurrency": 1,
        "worker_hijack_root_logger": False,
        "worker_consumer": "worker.consumer:SteadyConsumer",
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A stage that runs goes on while Redis is away; its own fence decides what it may still write.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "task_publish_retry_policy": _RETRIES,
        "result_backend_always_retry": True,
        "result_backend_max_retries": 30,
        "result_backend_transport_options": {"retry_policy": _RETRIES},
        "redis_socket_timeout": 10,
        "redis_socket_keepalive": True,
        "result_expires": 86_400,
        # Longer than any stage: past it Redis would hand the message to a second worker.
        "broker_transport_options": _transport(timeout=10, connect_timeout=5, visibility_timeout=43_200),
    }


def _without_acknowledgement(name: str) -> Queue:
    """To note what was taken and that it was costs two durable writes a stage, one before it begins.

    It would bring a lost message back after the visibility timeout, hours later. An offer that nobody claims
    is sent again after two seconds.
    """
    return Queue(name, Exchange(name), routing_key=name, no_ack=True)


def sender_settings(redis_url: str) -> dict[str, Any]:
    """For the web process, where a failed publish is no error: a worker's reconciler sends it again."""
    return {
        **_common(redis_url),
        "task_publish_retry": False,
        "broker_connection_timeout": 1,
        "result_backend": "disabled://",
        "broker_transport_options": _transport(timeout=1, connect_timeout=1),
    }


def _common(redis_url: str) -> dict[str, Any]:
    return {
        "broker_url": verified(redis_url),
        "result_backend": verified(redis_url),
        "task_default_queue": RELEASES_QUEUE,
        "task_send_sent_event": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "enable_utc": True,
    }


def verified(redis_url: str) -> str:
    """The address of a Redis over TLS asks for a valid certificate unless it says otherwise.

    Celery's broker would trust any, its result backend would refuse to start.
    """
    parts = urlsplit(redis_url)
    if parts.scheme != "rediss" or "ssl_cert_reqs" in parts.query:
        return redis_url
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, "ssl_cert_reqs=required"]))))


def _transport(*, timeout: float, connect_timeout: float, **more: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": connect_timeout,
        "socket_keepalive": True,
        "health_check_interval": 10,
        **more,
    }
