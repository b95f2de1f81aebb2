"""The whole checkup: which checks there are for a configuration, and in which order they are told.

What several apps share (a cluster, a namespace, a gateway, a repository) is looked at once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from release.model import StartWhen
from source.address import anonymous
from worker.checkup.channels import look_at_channels
from worker.checkup.clocks import Clocks
from worker.checkup.clusters import Clusters, Context, look_at_cluster
from worker.checkup.configuration import (
    apps_of,
    look_at_folder,
    look_at_secrets,
    look_at_webhook,
    read_configuration,
)
from worker.checkup.datastore import look_at_redis
from worker.checkup.gateways import Door, look_at_gateway, look_at_web
from worker.checkup.namespaces import look_at_namespace
from worker.checkup.registries import about_registry, look_at_registry
from worker.checkup.repositories import look_at_repository
from worker.checkup.running import Check, run
from worker.checkup.signatures import about_signatures, look_at_signatures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from release.config import App, Config
    from release.environment import Settings
    from worker.checkup.lines import Line


class UnknownApp(Exception):
    """The configuration has no app of the name that was asked for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to look at: ``app`` alone, or all; ``web``: the address of a web process to ask as well."""

    settings: Settings
    environment: Mapping[str, str]
    app: str | None = None
    web: str | None = None


def examine(wish: Wish) -> Iterator[Line]:
    """Every line, as soon as it is known.

    Raises:
        UnknownApp: before the first line.
    """
    config, lines = read_configuration(wish.settings.config)
    if config is None:
        return _examine(wish, lines, None, {})
    if wish.app and config.find_app(wish.app) is None:
        raise UnknownApp(f"{wish.app} is none of: {', '.join(config.apps)}")
    apps = apps_of(config, wish.app)
    shown = config.model_copy(update={"apps": dict(apps)})
    return _examine(wish, lines, shown, apps)


def _examine(wish: Wish, lines: list[Line], config: Config | None, apps: Mapping[str, App]) -> Iterator[Line]:
    clocks, clusters = Clocks(), Clusters()
    settings, environment = wish.settings, wish.environment
    yield from lines
    if config:
        yield from look_at_secrets(config, settings, environment)
    contexts = contexts_of(settings, apps)
    house = [*_of_the_house(wish, clocks), *_of_channels(wish, config)]
    yield from run([*house, *_of_clusters(contexts, clusters, clocks)])
    around = [*_of_gateways(apps), *_of_repositories(apps), *_of_signatures(apps), *_of_registries(apps)]
    yield from run([*_of_namespaces(contexts, clusters, apps), *around])
    for name, app in apps.items():
        if app.webhook:
            yield from look_at_webhook(name, app.webhook, settings, environment)
    yield from clocks.look()


def contexts_of(settings: Settings, apps: Mapping[str, App]) -> list[Context]:
    """Each context that apps name, with their namespaces in it."""
    namespaces: defaultdict[str | None, list[str]] = defaultdict(list)
    for app in apps.values():
        namespaces[app.context].append(app.namespace)
    return [
        Context(settings.kubeconfig, name, tuple(dict.fromkeys(found))) for name, found in namespaces.items()
    ]


def _of_the_house(wish: Wish, clocks: Clocks) -> Iterator[Check]:
    url, data = wish.settings.redis_url, wish.settings.data
    yield Check(f"data folder {data}", partial(look_at_folder, data))
    yield Check("redis", partial(look_at_redis, url, clocks))
    if wish.web:
        yield Check(f"web process {wish.web}", partial(look_at_web, wish.web))


def _of_channels(wish: Wish, config: Config | None) -> Iterator[Check]:
    if config and config.channels:
        look = partial(look_at_channels, config, wish.settings.redis_url, wish.environment)
        yield Check("channels", look)


def _of_clusters(contexts: Iterable[Context], clusters: Clusters, clocks: Clocks) -> Iterator[Check]:
    for context in contexts:
        yield Check(str(context), partial(look_at_cluster, context, clusters, clocks))


def _of_namespaces(
    contexts: Iterable[Context], clusters: Clusters, apps: Mapping[str, App]
) -> Iterator[Check]:
    """Only in clusters that answered; of the others their own line says so."""
    for context in contexts:
        cluster = clusters.reached.get(context.name)
        if cluster is None:
            continue
        for namespace in context.namespaces:
            theirs = {
                name: app
                for name, app in apps.items()
                if (app.context, app.namespace) == (context.name, namespace)
            }
            look = partial(look_at_namespace, context, cluster, namespace, theirs)
            yield Check(context.place(f"namespace {namespace}"), look)


def _of_gateways(apps: Mapping[str, App]) -> Iterator[Check]:
    users: defaultdict[str, list[str]] = defaultdict(list)
    for name, app in apps.items():
        users[app.gateway.address].append(name)
    for address, names in users.items():
        door = Door(address, apps[names[0]].gateway.host, tuple(names))
        yield Check(door.about, partial(look_at_gateway, door))


def _of_repositories(apps: Mapping[str, App]) -> Iterator[Check]:
    first: dict[str, str] = {}
    for name, app in apps.items():
        first.setdefault(app.repository, name)
    for address, name in first.items():
        yield Check(f"repository {anonymous(address)}", partial(look_at_repository, address, name))


def _of_registries(apps: Mapping[str, App]) -> Iterator[Check]:
    """Of apps whose releases wait for their image; nobody else asks a registry."""
    for name, app in apps.items():
        if app.start_when is StartWhen.IMAGE_EXISTS:
            yield Check(about_registry(name, app), partial(look_at_registry, name, app))


def _of_signatures(apps: Mapping[str, App]) -> Iterator[Check]:
    for name, app in apps.items():
        if app.require_signed_tags:
            yield Check(about_signatures(name), partial(look_at_signatures, name, app.require_signed_tags))
