import asyncio
import logging

import pytest

from sandbox.controllers import Controllers
from sandbox.store import Object, Store


def build_deployment(name: str, **spec: object) -> Object:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "image": "a:b"}]},
    }
    complete = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": complete}


async def settle(store: Store) -> None:
    """Give the controllers turns until they write nothing any more."""
    quiet, revision = 0, store.revision
    while quiet < 20:
        await asyncio.sleep(0)
        quiet = quiet + 1 if store.revision == revision else 0
        revision = store.revision


def test_what_was_there_before_the_start_is_handled() -> None:
    async def scenario() -> list[Object]:
        store = Store()
        store.create("deployments.apps", build_deployment("shop"))
        controllers = Controllers(store)
        await controllers.start()
        await settle(store)
        await controllers.stop()
        return store.list("pods")

    assert len(asyncio.run(scenario())) == 1


def test_nothing_is_done_after_the_stop() -> None:
    async def scenario() -> list[Object]:
        store = Store()
        controllers = Controllers(store)
        await controllers.start()
        await controllers.stop()
        store.create("deployments.apps", build_deployment("shop"))
        await settle(store)
        return store.list("replicasets.apps")

    assert asyncio.run(scenario()) == []


def test_an_object_that_cannot_be_handled_is_logged_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> list[str]:
        store = Store()
        controllers = Controllers(store)
        await controllers.start()
        store.create("deployments.apps", build_deployment("broken", selector=None))
        store.create("deployments.apps", build_deployment("shop"))
        await settle(store)
        await controllers.stop()
        return [pod["metadata"]["labels"]["app"] for pod in store.list("pods")]

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(scenario()) == ["shop"]
    assert "deployment shop/broken failed" in caplog.text
