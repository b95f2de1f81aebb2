"""The files by which Envoy is told: listeners, routes and clusters in one each, endpoints in one a cluster.

Each is replaced as a whole by an atomic rename, the only change that Envoy watches for, and carries a version
that Envoy reports back once it has taken it. What stands in them is not decided here.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.store import Object

TYPES = {
    "lds": "type.googleapis.com/envoy.config.listener.v3.Listener",
    "rds": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "cds": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "eds": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
}


@dataclass
class ResourceFiles:
    """A directory of resource files. Nothing is written that stands there already."""

    directory: Path
    _written: dict[str, list[Object]] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    def write(self, path: str, kind: str, resources: Mapping[str, Object]) -> bool:
        """Replace a file, unless it says just that. `path` is relative to the directory.

        Returns whether there is something new for Envoy to take.
        """
        typed = [{"@type": TYPES[kind], **resource} for resource in resources.values()]
        if self._written.get(path) == typed:
            return False
        self._count += 1
        _replace(self.directory / path, {"version_info": str(self._count), "resources": typed})
        self._written[path] = typed
        self._versions[path] = str(self._count)
        return True

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files that no resource names any more."""
        for path in paths:
            (self.directory / path).unlink(missing_ok=True)
            self._written.pop(path, None)
            self._versions.pop(path, None)

    def version(self, path: str) -> str:
        """The version that the file has now."""
        return self._versions[path]

    def written(self, path: str) -> list[Object]:
        """The resources that the file has now."""
        return [
            {key: value for key, value in resource.items() if key != "@type"}
            for resource in self._written.get(path, [])
        ]


def _replace(path: Path, content: Object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(json.dumps(content, indent=1))
    fresh.replace(path)
