"""The rules of the kinds about values: names, labels, selectors, required fields; in the real server's words.

What a field's type is, and which fields there are, is checked when the object is read (`decoding`).
"""

import json
import re
from collections.abc import Callable, Iterator

from sandbox.api.errors import Cause, invalid
from sandbox.api.resources import Resource
from sandbox.api.selectors import match_selector
from sandbox.api.types import ANYTHING, ListType, MapType, StructRef, Type, find_field, get_struct
from sandbox.store import Json, Object

MAX_LABEL = 63
MAX_NAME = 253
MAX_PORT = 65535

_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_DNS_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SERVICE_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
    "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)


def check_object(resource: Resource, obj: Object, *, old: Object | None) -> None:
    """Refuse an object that breaks the rules of its kind; `old` is its state before an update.

    Raises:
        ApiError: 422 with one cause a broken rule.
    """
    causes = [*_check_metadata(resource, obj["metadata"])]
    if resource.custom:
        causes += _check_required(StructRef(resource.kind), obj, "")
    elif resource.kind in _CHECKS:
        causes += _CHECKS[resource.kind](obj, old)
    if causes:
        raise invalid(resource, obj["metadata"].get("name", ""), causes)


def _wrong(field: str, value: Json, why: str) -> Cause:
    shown = json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {why}", field)


def _missing(field: str, why: str = "") -> Cause:
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def _check_metadata(resource: Resource, metadata: Object) -> Iterator[Cause]:
    name = metadata.get("name")
    if not name:
        yield _missing("metadata.name", "name or generateName is required")
    else:
        yield from _check_name(resource, name)
    yield from _check_labels(metadata.get("labels"), "metadata.labels")
    for key in metadata.get("annotations") or {}:
        if not _QUALIFIED.fullmatch(key.rpartition("/")[2]):
            yield _wrong("metadata.annotations", key, _KEY_RULE)


def _check_name(resource: Resource, name: str) -> Iterator[Cause]:
    if resource.group == "rbac.authorization.k8s.io":
        return
    pattern, rule, longest = _SUBDOMAIN, _SUBDOMAIN_RULE, MAX_NAME
    if resource.kind == "Service":
        pattern, rule, longest = _SERVICE_NAME, _SERVICE_RULE, MAX_LABEL
    elif resource.kind == "Namespace":
        pattern, rule, longest = _DNS_LABEL, _DNS_LABEL_RULE, MAX_LABEL
    if len(name) > longest:
        yield _wrong("metadata.name", name, f"must be no more than {longest} bytes")
    elif not pattern.fullmatch(name):
        yield _wrong("metadata.name", name, rule)


def _check_labels(labels: Object | None, field: str) -> Iterator[Cause]:
    for key, value in (labels or {}).items():
        if not _QUALIFIED.fullmatch(key.rpartition("/")[2]):
            yield _wrong(field, key, _KEY_RULE)
        if len(value) > MAX_LABEL:
            yield _wrong(field, value, f"must be no more than {MAX_LABEL} bytes")
        elif not _LABEL_VALUE.fullmatch(value):
            yield _wrong(field, value, _LABEL_RULE)


def _check_workload(obj: Object, old: Object | None) -> Iterator[Cause]:
    """A Deployment or ReplicaSet: its selector is there, stays what it was, and chooses its own pods."""
    spec = obj["spec"]
    selector = spec.get("selector")
    labels = spec["template"]["metadata"].get("labels") or {}
    if selector is None:
        yield _missing("spec.selector")
    elif not selector:
        yield _wrong("spec.selector", selector, "empty selector is invalid for deployment")
    if spec["replicas"] < 0:
        yield _wrong("spec.replicas", spec["replicas"], "must be greater than or equal to 0")
    if selector and not match_selector(selector, labels):
        why = "`selector` does not match template `labels`"
        yield _wrong("spec.template.metadata.labels", labels, why)
    yield from _check_labels(labels, "spec.template.labels")
    yield from _check_containers(spec["template"]["spec"], "spec.template.spec")
    yield from _check_progress(spec)
    if old and old["spec"].get("selector") != selector:
        yield _wrong("spec.selector", selector, "field is immutable")


def _check_job(obj: Object, old: Object | None) -> Iterator[Cause]:
    """A Job: its pods end for good, and what they are made from stays what it was."""
    spec = obj["spec"]
    for field in ("parallelism", "completions", "backoffLimit", "ttlSecondsAfterFinished"):
        if spec.get(field, 0) < 0:
            yield _wrong(f"spec.{field}", spec[field], "must be greater than or equal to 0")
    if spec["template"]["spec"].get("restartPolicy") not in {"OnFailure", "Never"}:
        yield _missing("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    yield from _check_labels(spec["template"]["metadata"].get("labels"), "spec.template.labels")
    yield from _check_containers(spec["template"]["spec"], "spec.template.spec")
    for field in ("completions", "selector", "template"):
        if old and old["spec"].get(field) != spec.get(field):
            yield _wrong(f"spec.{field}", spec.get(field), "field is immutable")


def _check_progress(spec: Object) -> Iterator[Cause]:
    deadline, settled = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds", 0)
    if deadline is not None and deadline <= settled:
        yield _wrong("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def _check_containers(spec: Object, field: str) -> Iterator[Cause]:
    containers = spec.get("containers") or []
    if not containers:
        yield _missing(f"{field}.containers")
    for index, container in enumerate(containers):
        yield from _check_container(container, f"{field}.containers[{index}]")


def _check_container(container: Object, field: str) -> Iterator[Cause]:
    name = container.get("name")
    if not name:
        yield _missing(f"{field}.name")
    elif len(name) > MAX_LABEL or not _DNS_LABEL.fullmatch(name):
        yield _wrong(f"{field}.name", name, _DNS_LABEL_RULE)
    if not container.get("image"):
        yield _missing(f"{field}.image")
    for index, port in enumerate(container.get("ports") or []):
        yield from _check_port(port.get("containerPort"), f"{field}.ports[{index}].containerPort")
    for index, variable in enumerate(container.get("env") or []):
        if not variable.get("name"):
            yield _missing(f"{field}.env[{index}].name")


def _check_port(number: int | None, field: str) -> Iterator[Cause]:
    if number is None:
        yield _missing(field)
    elif not 0 < number <= MAX_PORT:
        yield _wrong(field, number, f"must be between 1 and {MAX_PORT}, inclusive")


def _check_service(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj["spec"]
    ports = spec.get("ports") or []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        yield _missing("spec.ports")
    for index, port in enumerate(ports):
        yield from _check_port(port.get("port"), f"spec.ports[{index}].port")
        if len(ports) > 1 and not port.get("name"):
            yield _missing(f"spec.ports[{index}].name")
    before = (old or {}).get("spec", {}).get("clusterIP")
    if before and spec.get("clusterIP") != before:
        yield _wrong("spec.clusterIP", spec.get("clusterIP", ""), "field is immutable")


def _check_pod(obj: Object, old: Object | None) -> Iterator[Cause]:
    del old
    yield from _check_containers(obj["spec"], "spec")


def _check_autoscaler(obj: Object, old: Object | None) -> Iterator[Cause]:
    del old
    spec = obj["spec"]
    if "maxReplicas" not in spec:
        yield _wrong("spec.maxReplicas", 0, "must be greater than 0")
    elif spec["maxReplicas"] < spec["minReplicas"]:
        why = "must be greater than or equal to `minReplicas`"
        yield _wrong("spec.maxReplicas", spec["maxReplicas"], why)
    if not (spec.get("scaleTargetRef") or {}).get("name"):
        yield _missing("spec.scaleTargetRef.name")


def _check_role_binding(obj: Object, old: Object | None) -> Iterator[Cause]:
    if not obj["roleRef"].get("name"):
        yield _missing("roleRef.name")
    if old and old["roleRef"] != obj["roleRef"]:
        yield _wrong("roleRef", obj["roleRef"], "cannot change roleRef")


def _check_required(of: Type, value: Json, path: str) -> Iterator[Cause]:
    """The rules that a custom resource's schema itself can say: required fields, at most one of a choice."""
    if isinstance(of, StructRef) and isinstance(value, dict):
        struct = get_struct(of.name)
        for name in sorted(struct.required - value.keys()):
            yield _missing(f"{path}.{name}".removeprefix("."))
        if struct.choice and len(value) > 1:
            why = f"{path} in body must validate one and only one schema (oneOf)"
            yield Cause("FieldValueInvalid", f"Invalid value: {why}", path)
        for name, item in value.items():
            yield from _check_required(
                find_field(of, name) or ANYTHING, item, f"{path}.{name}".removeprefix(".")
            )
    elif isinstance(of, MapType) and isinstance(value, dict):
        for name, item in value.items():
            yield from _check_required(of.values, item, f"{path}.{name}")
    elif isinstance(of, ListType) and isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _check_required(of.entries, entry, f"{path}[{index}]")


_CHECKS: dict[str, Callable[[Object, Object | None], Iterator[Cause]]] = {
    "ClusterRoleBinding": _check_role_binding,
    "Deployment": _check_workload,
    "HorizontalPodAutoscaler": _check_autoscaler,
    "Job": _check_job,
    "Pod": _check_pod,
    "ReplicaSet": _check_workload,
    "RoleBinding": _check_role_binding,
    "Service": _check_service,
}
