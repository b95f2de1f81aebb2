"""What this process counts for monitoring, and how it is told together with its siblings.

Every gunicorn process writes its numbers into a file of its own (``metrics_folder``), and whichever answers a
scrape adds them up. Labels are routes, hosts and results: never a tag, an address or anything else that a
sender chooses. What Redis knows is in ``redis_metrics``.
"""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from webhook.answers import JsonAnswer
from webhook.metrics_folder import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Response
    from prometheus_client.registry import Collector

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
NO_ROUTE: Final = "none"

RESULTS: Final = ("accepted", "duplicate", "ignored", "noted", "refused")
"""What a delivery comes to that somebody signed; ``refused`` by the core, which is told in a 200."""

REFUSALS: Final = {
    HTTPStatus.UNAUTHORIZED: "bad-signature",
    HTTPStatus.TOO_MANY_REQUESTS: "bad-signature-often",
    HTTPStatus.FORBIDDEN: "unknown-repository",
    HTTPStatus.SERVICE_UNAVAILABLE: "not-recorded",
    HTTPStatus.INTERNAL_SERVER_ERROR: "failed",
}
"""By status; any other one says that the delivery could not be read."""

EXPECTED: Final = ("bad-signature", "not-recorded", "failed")
"""Told as 0 before there is one: else nobody would see the first one as an increase."""

# When a counter began is no number of ours, and of several processes it can't be told.
disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client


class WebMetrics:
    """The numbers of one web process."""

    def __init__(self, providers: Iterable[str] = ()) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "verdigris_http_requests",
            "Requests answered, by method, route and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "verdigris_http_request_duration_seconds",
            "How long requests took, from their last byte to the answer's first, by route.",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._deliveries = Counter(
            "verdigris_deliveries",
            "Deliveries of Git hosts, by provider and what they came to.",
            ["provider", "result"],
            registry=self._registry,
        )
        for provider in set(providers):
            for result in ("accepted", *EXPECTED):
                self._deliveries.labels(provider, result)

    def count_request(self, method: str, route: str | None, status: int, *, seconds: float) -> None:
        """One request; ``route`` as the application has it, None where none fits."""
        known, route = method if method in METHODS else "other", route or NO_ROUTE
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_delivery(self, provider: str, answer: Response) -> None:
        """One delivery, by what its sender is told."""
        self._deliveries.labels(provider, find_result(answer)).inc()

    def tell(self, also: Collector, *, accept: str) -> tuple[bytes, str]:
        """The numbers of all processes and those of ``also`` in the format asked for; and its type."""
        registry = CollectorRegistry()
        registry.register(also)
        if VARIABLE in os.environ:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client
        else:
            registry.register(self._registry)
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type


def find_result(answer: Response) -> str:
    """What became of a delivery."""
    if answer.status_code in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
        told = answer.content.get("result") if isinstance(answer, JsonAnswer) else ""
        return told if told in RESULTS else "ignored"
    return REFUSALS.get(HTTPStatus(answer.status_code), "unreadable")
