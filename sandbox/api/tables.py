"""Tables: the columns that `kubectl get` prints, made by the server as a real one makes them.

Only the cells; which form a client wants and the objects' own JSON are the business of `answers`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sandbox.api.durations import format_age
from sandbox.api.podstate import count_ready, describe_restarts, describe_state
from sandbox.api.resources import Resource
from sandbox.api.selectors import format_selector
from sandbox.store import Json, Object

Cell = Callable[[Object, datetime], Json]


@dataclass(frozen=True)
class Column:
    """One column. `wide` ones show with `-o wide` only."""

    name: str
    cell: Cell
    type: str = "string"
    format: str = ""
    description: str = ""
    wide: bool = False

    def as_json(self) -> Object:
        """The column's definition as it stands in a Table."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": int(self.wide),
        }


def make_table(resource: Resource, objects: Sequence[Object], revision: str, *, now: datetime) -> Object:
    """The Table of some objects; rows carry the objects' metadata, as kubectl wants for its own use."""
    columns = _list_columns(resource)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": revision},
        "columnDefinitions": [column.as_json() for column in columns],
        "rows": [_make_row(columns, obj, now) for obj in objects],
    }


def make_partial(obj: Object) -> Object:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _make_row(columns: Sequence[Column], obj: Object, now: datetime) -> Object:
    return {"cells": [column.cell(obj, now) for column in columns], "object": make_partial(obj)}


def _list_columns(resource: Resource) -> list[Column]:
    own = _COLUMNS.get(resource.kind, [])
    if resource.kind == "Event":
        return own
    age = Column("Age", _age, type="date" if resource.custom else "string")
    plain = [column for column in own if not column.wide]
    return [_NAME, *plain, age, *(column for column in own if column.wide)]


def _name(obj: Object, now: datetime) -> Json:
    del now
    return obj["metadata"]["name"]


def _age(obj: Object, now: datetime) -> Json:
    return format_age(obj["metadata"].get("creationTimestamp"), now)


_NAME = Column("Name", _name, format="name", description="Name must be unique within a namespace.")


def _get(obj: Json, path: str, default: Json = None) -> Json:
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return default if obj is None else obj


def _at(path: str, default: Json = None) -> Cell:
    return lambda obj, _: _get(obj, path, default)


def _shown(path: str) -> Cell:
    """A string, or `<none>`, as the built-in printers show what is empty."""
    return lambda obj, _: str(_get(obj, path) or "<none>")


def _custom(path: str) -> Cell:
    """A field of a custom resource: lists as JSON, as its printer columns show them."""

    def cell(obj: Object, now: datetime) -> Json:
        del now
        value = _get(obj, path)
        if isinstance(value, list):
            return "[" + ",".join(f'"{item}"' for item in value) + "]"
        return value

    return cell


def _containers(field: str, path: str) -> Cell:
    def cell(obj: Object, now: datetime) -> Json:
        del now
        return ",".join(item.get(field, "") for item in _get(obj, path, []))

    return cell


def _selector(obj: Object, now: datetime) -> Json:
    del now
    return format_selector(_get(obj, "spec.selector", {})) or "<none>"


def _count(path: str) -> Cell:
    return lambda obj, _: len(_get(obj, path, {}))


def _deployment_ready(obj: Object, now: datetime) -> Json:
    del now
    return f"{_get(obj, 'status.readyReplicas', 0)}/{_get(obj, 'spec.replicas', 0)}"


def _pod_ready(obj: Object, now: datetime) -> Json:
    del now
    ready, total = count_ready(obj)
    return f"{ready}/{total}"


def _pod_state(obj: Object, now: datetime) -> Json:
    del now
    return describe_state(obj)


def _service_ports(obj: Object, now: datetime) -> Json:
    del now
    ports = _get(obj, "spec.ports", [])
    shown = [
        f"{port['port']}{':' + str(port['nodePort']) if 'nodePort' in port else ''}/{port['protocol']}"
        for port in ports
    ]
    return ",".join(shown) or "<none>"


def _service_selector(obj: Object, now: datetime) -> Json:
    del now
    return ",".join(f"{k}={v}" for k, v in sorted(_get(obj, "spec.selector", {}).items())) or "<none>"


def _event_object(obj: Object, now: datetime) -> Json:
    del now
    involved = obj["involvedObject"]
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def _last_seen(obj: Object, now: datetime) -> Json:
    return format_age(obj.get("lastTimestamp") or obj["metadata"].get("creationTimestamp"), now)


def _endpoint_ports(obj: Object, now: datetime) -> Json:
    del now
    return ",".join(str(port.get("port")) for port in obj.get("ports") or []) or "<unset>"


def _endpoint_addresses(obj: Object, now: datetime) -> Json:
    del now
    found = [address for end in obj.get("endpoints") or [] for address in end.get("addresses", [])]
    return ",".join(found) or "<unset>"


def _reference(obj: Object, now: datetime) -> Json:
    del now
    target = _get(obj, "spec.scaleTargetRef", {})
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _role(obj: Object, now: datetime) -> Json:
    del now
    return f"{obj['roleRef'].get('kind', '')}/{obj['roleRef'].get('name', '')}"


def _job_state(obj: Object, now: datetime) -> Json:
    del now
    for condition in _get(obj, "status.conditions", []):
        if condition["status"] == "True" and condition["type"] in {"Complete", "Failed", "Suspended"}:
            return condition["type"]
    return "Running"


def _job_completions(obj: Object, now: datetime) -> Json:
    del now
    return f"{_get(obj, 'status.succeeded', 0)}/{_get(obj, 'spec.completions', 1)}"


def _job_duration(obj: Object, now: datetime) -> Json:
    started, ended = _get(obj, "status.startTime"), _get(obj, "status.completionTime")
    if not started:
        return ""
    return format_age(started, datetime.fromisoformat(ended) if ended else now)


_COLUMNS: dict[str, list[Column]] = {
    "ConfigMap": [Column("Data", _count("data"))],
    "Deployment": [
        Column("Ready", _deployment_ready),
        Column("Up-to-date", _at("status.updatedReplicas", 0)),
        Column("Available", _at("status.availableReplicas", 0)),
        Column("Containers", _containers("name", "spec.template.spec.containers"), wide=True),
        Column("Images", _containers("image", "spec.template.spec.containers"), wide=True),
        Column("Selector", _selector, wide=True),
    ],
    "ClusterRoleBinding": [Column("Role", _role)],
    "DestinationRule": [Column("Host", _custom("spec.host"))],
    "EndpointSlice": [
        Column("AddressType", _at("addressType")),
        Column("Ports", _endpoint_ports),
        Column("Endpoints", _endpoint_addresses),
    ],
    "Event": [
        Column("Last Seen", _last_seen),
        Column("Type", _at("type", "")),
        Column("Reason", _at("reason", "")),
        Column("Object", _event_object),
        Column("Message", _at("message", "")),
        Column("Name", _name, format="name", wide=True),
    ],
    "HorizontalPodAutoscaler": [
        Column("Reference", _reference),
        Column("MinPods", _at("spec.minReplicas", 1)),
        Column("MaxPods", _at("spec.maxReplicas", 0), type="integer"),
        Column("Replicas", _at("status.currentReplicas", 0), type="integer"),
    ],
    "Job": [
        Column("Status", _job_state),
        Column("Completions", _job_completions),
        Column("Duration", _job_duration),
        Column("Containers", _containers("name", "spec.template.spec.containers"), wide=True),
        Column("Images", _containers("image", "spec.template.spec.containers"), wide=True),
        Column("Selector", _selector, wide=True),
    ],
    "Namespace": [Column("Status", _at("status.phase", ""))],
    "Pod": [
        Column("Ready", _pod_ready),
        Column("Status", _pod_state),
        Column("Restarts", describe_restarts),
        Column("IP", _shown("status.podIP"), wide=True),
        Column("Node", _shown("spec.nodeName"), wide=True),
        Column("Nominated Node", _shown("status.nominatedNodeName"), wide=True),
        Column("Readiness Gates", _shown("spec.readinessGates"), wide=True),
    ],
    "ReplicaSet": [
        Column("Desired", _at("spec.replicas", 0), type="integer"),
        Column("Current", _at("status.replicas", 0), type="integer"),
        Column("Ready", _at("status.readyReplicas", 0), type="integer"),
        Column("Containers", _containers("name", "spec.template.spec.containers"), wide=True),
        Column("Images", _containers("image", "spec.template.spec.containers"), wide=True),
        Column("Selector", _selector, wide=True),
    ],
    "RoleBinding": [Column("Role", _role)],
    "Secret": [Column("Type", _at("type", "")), Column("Data", _count("data"), type="integer")],
    "Service": [
        Column("Type", _at("spec.type", "")),
        Column("Cluster-IP", _shown("spec.clusterIP")),
        Column("External-IP", _shown("spec.externalName")),
        Column("Port(s)", _service_ports),
        Column("Selector", _service_selector, wide=True),
    ],
    "VirtualService": [
        Column("Gateways", _custom("spec.gateways")),
        Column("Hosts", _custom("spec.hosts")),
    ],
}
