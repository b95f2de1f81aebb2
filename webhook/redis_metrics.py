"""What Redis knows, as metrics: made anew for each scrape, the same from every web process."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from release.counts import BOUNDS, Stuck
from release.model import Color, State
from release.plan import RELEASES_QUEUE, SWITCHES_QUEUE
from release.problems import NotDurable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from prometheus_client.metrics_core import Metric

    from release.clock import Clock
    from release.config import Config
    from release.counts import Name, Numbers
    from release.signal_lines import ChannelState
    from webhook.services import Store

REASONS: Final = ("not-taken", "lease-over")
EXPECTED: Final = (State.FAILED, State.LIVE)
"""Told as 0 before there is one: else nobody would see the first one as an increase."""


class RedisMetrics(Collector):
    """Reads them when they are asked for. Only apps of the configuration are told."""

    def __init__(self, config: Config, store: Store, clock: Clock) -> None:
        self._apps = tuple(config.apps)
        self._channels = tuple(config.channels)
        self._clock = clock
        self._queues = sorted({queue for app in config.apps for queue in config.queues_of(app)})
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """All of them; while Redis is away only that it is."""
        up = GaugeMetricFamily("verdigris_redis_up", "Whether Redis answered this web process: 1 or 0.")
        try:
            numbers = self._store.counts.read(apps=self._apps, queues=self._queues)
            channels = self._store.signals.states(self._channels) if self._channels else []
        except NotDurable:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from self._tell_totals(numbers)
        yield from _tell_queues(numbers)
        yield from self._tell_apps(numbers)
        yield from _tell_channels(channels, self._clock())

    def _tell_totals(self, numbers: Numbers) -> Iterator[Metric]:
        expected: list[Name] = [("releases", app, state) for app in self._apps for state in EXPECTED]
        expected += [("switch-lost", app) for app in self._apps]
        totals: dict[Name, int] = {**dict.fromkeys(expected, 0), **numbers.totals}
        apps, by_word = set(self._apps), _by_word(totals)
        for name, word, labels, text in COUNTERS:
            family = CounterMetricFamily(name, text, labels=labels)
            for values, total in by_word.get(word, ()):
                if values[0] in apps:
                    family.add_metric(values, total)
            yield family
        for name, took, milliseconds, labels, text in HISTOGRAMS:
            yield _histogram(totals, name, took, milliseconds, labels, text)

    def _tell_apps(self, numbers: Numbers) -> Iterator[Metric]:
        live = GaugeMetricFamily(
            "verdigris_app_live", "Whether users get this color.", labels=["app", "color"]
        )
        readable = GaugeMetricFamily(
            "verdigris_app_readable", "Whether the app's state in the cluster could be read.", labels=["app"]
        )
        age = GaugeMetricFamily(
            "verdigris_app_observation_age_seconds",
            "Since when no worker has looked at the app; +Inf where none ever did.",
            labels=["app"],
        )
        for app in self._apps:
            seen = numbers.seen.get(app)
            age.add_metric([app], seen.age if seen else float("inf"))
            if seen:
                readable.add_metric([app], seen.is_readable)
                for color in Color:
                    live.add_metric([app, color], seen.live is color)
        yield from (live, readable, age)


def _by_word(totals: Mapping[Name, int]) -> dict[str, list[tuple[Name, int]]]:
    """What was counted, by the word that says of what: there may be thousands."""
    found: dict[str, list[tuple[Name, int]]] = {}
    for name, total in totals.items():
        found.setdefault(name[0], []).append((name[1:], total))
    return found


def _tell_channels(channels: Iterable[ChannelState], now: datetime) -> Iterator[Metric]:
    failing = GaugeMetricFamily(
        "verdigris_channel_failing_seconds",
        "Since when nothing gets through to this channel; 0 where it does.",
        labels=["channel"],
    )
    pending = GaugeMetricFamily(
        "verdigris_channel_pending", "Messages that wait to be sent, by channel.", labels=["channel"]
    )
    messages = CounterMetricFamily(
        "verdigris_channel_messages",
        "Messages to channels, by what became of them: sent or dropped.",
        labels=["channel", "result"],
    )
    for one in channels:
        since = max(0.0, (now - one.failing_since).total_seconds()) if one.failing_since else 0.0
        failing.add_metric([one.name], since)
        pending.add_metric([one.name], one.pending)
        messages.add_metric([one.name, "sent"], one.sent)
        messages.add_metric([one.name, "dropped"], one.dropped)
    yield from (failing, pending, messages)


def _tell_queues(numbers: Numbers) -> Iterator[Metric]:
    length = GaugeMetricFamily(
        "verdigris_queue_length", "Jobs that wait for their turn, by queue.", labels=["queue"]
    )
    age = GaugeMetricFamily(
        "verdigris_queue_age_seconds", "How long the oldest of them has waited, by queue.", labels=["queue"]
    )
    for name, queue in numbers.queues.items():
        length.add_metric([name], queue.waiting)
        age.add_metric([name], queue.oldest)
    stuck = GaugeMetricFamily(
        "verdigris_jobs_stuck",
        "Jobs that no worker has taken for a minute, or whose worker is gone, by who should carry them on.",
        labels=["reason", "workers"],
    )
    for reason in REASONS:
        for workers in (RELEASES_QUEUE, SWITCHES_QUEUE):
            stuck.add_metric([reason, workers], numbers.stuck.get(Stuck(reason, workers), 0))
    looked = float("inf") if numbers.looked is None else numbers.looked
    yield from (length, age, stuck)
    yield GaugeMetricFamily(
        "verdigris_jobs_waiting_to_start", "Jobs that wait for CI, their image or a freeze.", numbers.starting
    )
    yield GaugeMetricFamily(
        "verdigris_jobs_held", "Jobs held so that one can still roll back to what they replace.", numbers.held
    )
    yield GaugeMetricFamily(
        "verdigris_last_reconciler_look_seconds",
        "Since when no worker has looked after the queues; +Inf where none ever did.",
        looked,
    )


COUNTERS: Final = (
    (
        "verdigris_releases",
        "releases",
        ("app", "state"),
        "Steps of releases, by app and the state that they led to.",
    ),
    (
        "verdigris_stages",
        "stages",
        ("app", "stage", "outcome"),
        "Stages that ended, by app, stage and outcome.",
    ),
    (
        "verdigris_switches",
        "switches",
        ("app", "kind"),
        "Switches that a prober watched, by app and kind: promote or rollback.",
    ),
    (
        "verdigris_switch_requests",
        "switch-requests",
        ("app",),
        "Requests that probers sent during switches, by app.",
    ),
    (
        "verdigris_switch_lost_requests",
        "switch-lost",
        ("app",),
        "Those of them that the app did not answer, by app.",
    ),
)
"""Name, the scripts' word, labels, text."""

HISTOGRAMS: Final = (
    (
        "verdigris_stage_duration_seconds",
        "stage-took",
        "stage-milliseconds",
        ("stage",),
        "How long stages took that ended, by stage.",
    ),
    (
        "verdigris_switch_duration_seconds",
        "switch-took",
        "switch-milliseconds",
        ("kind", "answer"),
        "From the call to the new color's first answer (first_new), and to the old one's last (last_old).",
    ),
)


def _histogram(
    totals: dict[Name, int], name: str, took: str, milliseconds: str, labels: Sequence[str], text: str
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    by_labels: dict[Name, dict[str, int]] = {}
    for key, value in totals.items():
        if key[0] == took:
            by_labels.setdefault(key[1:-1], {})[str(key[-1]).removesuffix(".0")] = value
    for values, found in sorted(by_labels.items()):
        total = totals.get((milliseconds, *values), 0) / 1000
        family.add_metric(values, buckets=list(_buckets(found)), sum_value=total)
    return family


def _buckets(found: dict[str, int]) -> Iterable[tuple[str, float]]:
    """As Prometheus has them: each with all that is below it."""
    names = [*(str(bound) for bound in BOUNDS), "more"]
    upper = [*(str(bound / 1000) for bound in BOUNDS), "+Inf"]
    return zip(upper, accumulate(found.get(name, 0) for name in names), strict=True)
