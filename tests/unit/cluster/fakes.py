"""A turn, a clock and a transport that tests hold in their hands."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import urllib3
from kubernetes.client.configuration import Configuration

from cluster.connection import Cluster

TRANSCRIPTS = Path(__file__).parents[2] / "data" / "transcripts.jsonl"
RECORDINGS: dict[str, Any] = {
    entry["name"]: entry for entry in map(json.loads, TRANSCRIPTS.read_text(encoding="utf-8").splitlines())
}


def answer_of(name: str) -> Any:  # noqa: ANN401 -- any JSON value
    """The recorded answer's body, a fresh copy."""
    return json.loads(json.dumps(RECORDINGS[name]["response"]["body"]))


class HeldClock:
    """Stands still until somebody pauses."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class FakeTurn:
    """A turn that never ends by itself: ``on_check`` and ``on_pause`` may raise what ends it."""

    fence: int = 7
    directs: int = 0
    clock: HeldClock = field(default_factory=HeldClock)
    logged: list[str] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    on_check: Callable[[], None] = lambda: None
    on_pause: Callable[[], None] = lambda: None

    def check(self) -> None:
        self.acts.append("check")
        self.on_check()

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)
        self.on_pause()

    def log(self, text: str) -> None:
        self.logged.append(text)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    body: Any
    headers: dict[str, str]
    timeout: urllib3.Timeout


class FakePool(urllib3.PoolManager):
    """Answers in order; an exception among the answers is raised. It tells ``acts`` when it is asked."""

    def __init__(self, answers: Iterable[Answer | Exception], acts: list[str] | None = None) -> None:
        super().__init__()
        self.sent: list[Sent] = []
        self._answers = list(answers)
        self._acts = acts if acts is not None else []

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        **options: Any,  # noqa: ANN401 -- what urllib3 takes
    ) -> urllib3.BaseHTTPResponse:
        self._acts.append(method)
        body = json.loads(options["body"]) if options.get("body") else None
        path = url.removeprefix("http://cluster.test:6443")
        self.sent.append(Sent(method, path, body, options["headers"], options["timeout"]))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        content = BytesIO(text.encode())
        return urllib3.HTTPResponse(
            content,
            status=answer.status,
            headers=answer.headers,
            preload_content=options["preload_content"],
        )


def recorded(*names: str) -> list[Answer | Exception]:
    """Recorded answers, in this order."""
    responses = (RECORDINGS[name]["response"] for name in names)
    return [Answer(response["status"], response["body"]) for response in responses]


def fake_cluster(
    answers: Iterable[Answer | Exception], *, acts: list[str] | None = None, token: str = ""
) -> tuple[Cluster, FakePool]:
    """A cluster that gives these answers, and where one sees what was asked."""
    configuration = Configuration()
    configuration.host = "http://cluster.test:6443"
    if token:
        configuration.api_key["authorization"] = f"Bearer {token}"
    pool = FakePool(answers, acts)
    return Cluster(configuration, pool), pool
