"""Every app is looked at, again and again, whatever becomes of the others."""

from __future__ import annotations

import threading

import structlog

from release.problems import NotDurable, Problem
from worker.observer import Observer


def test_one_app_s_trouble_does_not_keep_the_others_from_being_looked_at() -> None:
    seen: list[str] = []

    def look(app: str) -> None:
        seen.append(app)
        if app == "broken":
            raise RuntimeError("no such cluster")
        if app == "without redis":
            raise NotDurable("away")
        if app == "without cluster":
            raise Problem("cluster-config", "No kubeconfig", detail="none at /k", next_step="name one")

    apps = ["broken", "without redis", "without cluster", "shop"]
    with structlog.testing.capture_logs() as logged:
        Observer(apps, look).look_at_all()

    assert seen == apps
    assert [(entry["log_level"], entry.get("app"), "exc_info" in entry) for entry in logged] == [
        ("error", "broken", True),
        ("warning", None, False),
        ("warning", "without cluster", False),
    ]
    told = logged[-1]
    assert (told["problem"], told["detail"], told["next_step"]) == ("No kubeconfig", "none at /k", "name one")


def test_only_what_is_chosen_is_looked_at() -> None:
    seen: list[str] = []

    Observer(["shop", "forum"], seen.append, choose=lambda apps: apps[1:]).look_at_all()

    assert seen == ["forum"]


def test_without_redis_nothing_is_chosen_and_any_other_trouble_leaves_all() -> None:
    def away(_: object) -> list[str]:
        raise NotDurable("away")

    def broken(_: object) -> list[str]:
        raise ValueError("spoiled")

    seen: list[str] = []
    with structlog.testing.capture_logs() as logged:
        Observer(["shop"], seen.append, choose=away).look_at_all()
        assert seen == []
        Observer(["shop"], seen.append, choose=broken).look_at_all()

    assert seen == ["shop"]
    assert [entry["log_level"] for entry in logged] == ["warning", "error"]


def test_it_looks_again_after_its_interval_until_it_is_stopped() -> None:
    looks: list[str] = []
    enough = threading.Event()

    def look(app: str) -> None:
        looks.append(app)
        if len(looks) == 3:
            enough.set()

    observer = Observer(["shop"], look, interval=0.01)
    observer.start()
    assert enough.wait(10)
    observer.stop()
    after = len(looks)

    observer.look_at_all()
    assert len(looks) == after, "a stopped observer looks at nothing more"


def test_one_that_was_never_started_can_be_stopped() -> None:
    Observer([], lambda _: None).stop()
