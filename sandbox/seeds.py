"""Objects that a sandbox starts with: from a YAML file, through the API server's own rules.

What `kubectl apply -f` would do once the sandbox is up, done before anybody can ask.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import yaml

from sandbox.api.errors import ApiError, bad_request
from sandbox.api.managed import Writer
from sandbox.api.resources import RESOURCES
from sandbox.api.targets import Target
from sandbox.api.writes import Write, create
from sandbox.store import Object, Store, StoreError, format_time

MANAGER = "sandbox"


class SeedError(Exception):
    """The file holds something that the sandbox does not take. The message names it."""


def plant(store: Store, file: Path) -> None:
    """Create every object of a file.

    Raises:
        SeedError: the file can't be read, or the API server would refuse one of its objects.
    """
    try:
        objects = [obj for obj in yaml.safe_load_all(file.read_text(encoding="utf-8")) if obj]
        for obj in objects:
            _create(store, obj)
    except (OSError, yaml.YAMLError, ApiError, StoreError) as error:
        raise SeedError(f"{file}: {error}") from error


def _create(store: Store, obj: Object) -> None:
    target = _find_target(obj)
    writer = Writer(MANAGER, "Update", target.api_version, format_time(datetime.now(UTC)))
    create(store, Write(target, writer, validation="Strict"), obj)


def _find_target(obj: Object) -> Target:
    kind, version = str(obj.get("kind", "")), str(obj.get("apiVersion", ""))
    namespace = (obj.get("metadata") or {}).get("namespace", "")
    for target in _targets(kind):
        if target.api_version == version:
            where = (namespace or "default") if target.resource.namespaced else ""
            return Target(target.resource, target.version, where)
    raise bad_request(f"the sandbox serves no {kind or 'object without a kind'} of {version or 'no version'}")


def _targets(kind: str) -> Iterator[Target]:
    return (
        Target(resource, version)
        for resource in RESOURCES
        if resource.kind == kind and resource.stored
        for version in resource.versions
    )
