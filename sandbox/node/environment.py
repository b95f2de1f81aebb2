"""What a container's process sees: its environment variables and its command line.

Nothing of the sandbox's own environment gets in but PATH: a pod must not see the secrets of who started it.
"""

import base64
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from sandbox.store import Object

Lookup = Callable[[str, str], Object | None]  # resource ("secrets"), name: in the pod's namespace

_EXPRESSION = re.compile(r"\$\$|\$\(([-\w.]+)\)")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class ConfigError(Exception):
    """The pod asks for a value that isn't there; the kubelet waits for it (CreateContainerConfigError)."""


def build_environment(
    container: Object, pod: Object, *, tree: Path, port: int, lookup: Lookup
) -> dict[str, str]:
    """The variables of a container, in Kubernetes' order: envFrom, then env, each able to use those before.

    PORT comes last: pods share one machine here, so where a process listens isn't the manifest's to say.

    Raises:
        ConfigError: a ConfigMap, a Secret or one of its keys is missing.
    """
    variables = {"PATH": search_path(), "HOME": str(tree), "HOSTNAME": pod["metadata"]["name"]}
    for source in container.get("envFrom") or ():
        variables |= _read_source(source, lookup)
    for entry in container.get("env") or ():
        value = _read_entry(entry, pod, lookup)
        if value is not None:
            variables[entry["name"]] = expand(value, variables)
    return variables | {"PORT": str(port)}


def build_command(container: Object, default: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """The command line. An image's own command is replaced by the pod's command and by its args alike."""
    own = [*(container.get("command") or ()), *(container.get("args") or ())]
    return [expand(word, variables) for word in own] or list(default)


def search_path() -> str:
    """The sandbox's PATH, behind the folder of the Python that it runs on: `python3` is always found."""
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)`; an unknown name stays as it is, `$$` is a dollar sign."""

    def replace(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else variables.get(found[1], found[0])

    return _EXPRESSION.sub(replace, text)


def _read_source(source: Object, lookup: Lookup) -> dict[str, str]:
    prefix = source.get("prefix", "")
    variables: dict[str, str] = {}
    for resource, reference in _references(source, "Ref"):
        data = _read_data(resource, reference, lookup)
        variables |= {prefix + name: value for name, value in (data or {}).items()}
    return variables


def _references(source: Object, suffix: str) -> Iterator[tuple[str, Object]]:
    for resource, field in (("secrets", "secret"), ("configmaps", "configMap")):
        if source.get(field + suffix):
            yield resource, source[field + suffix]


def _read_entry(entry: Object, pod: Object, lookup: Lookup) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return str(entry.get("value") or "")
    if source.get("fieldRef"):
        return _read_field(source["fieldRef"]["fieldPath"], pod)
    for resource, reference in _references(source, "KeyRef"):
        return _read_key(resource, reference, pod["metadata"]["namespace"], lookup)
    raise ConfigError(f"variable {entry['name']}: the sandbox does not know {', '.join(source)}")


def _read_key(resource: str, reference: Object, namespace: str, lookup: Lookup) -> str | None:
    data = _read_data(resource, reference, lookup)
    if data is not None and reference["key"] in data:
        return data[reference["key"]]
    if data is None or reference.get("optional"):
        return None
    kind = "Secret" if resource == "secrets" else "ConfigMap"
    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}")


def _read_data(resource: str, reference: Object, lookup: Lookup) -> dict[str, str] | None:
    """The decoded data, or None of an object that is missing and may be."""
    found = lookup(resource, reference["name"])
    if found is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{resource.removesuffix("s")} "{reference["name"]}" not found')
    data = found.get("data") or {}
    if resource == "configmaps":
        return {name: str(value) for name, value in data.items()}
    decoded = {name: base64.b64decode(value).decode(errors="replace") for name, value in data.items()}
    return decoded | (found.get("stringData") or {})


def _read_field(path: str, pod: Object) -> str:
    """A field of the pod, as the downward API gives it.

    Raises:
        ConfigError: the API has no such field.
    """
    metadata = pod["metadata"]
    if keyed := _SUBSCRIPT.fullmatch(path):
        return str((metadata.get(keyed[1]) or {}).get(keyed[2], ""))
    fields = {f"metadata.{name}": metadata.get(name, "") for name in ("name", "namespace", "uid")}
    fields |= {
        f"spec.{name}": pod["spec"].get(name, "default") for name in ("nodeName", "serviceAccountName")
    }
    fields |= {f"status.{name}": "127.0.0.1" for name in ("podIP", "hostIP", "podIPs", "hostIPs")}
    if path not in fields:
        raise ConfigError(f"the downward API has no field {path}")
    return str(fields[path])
