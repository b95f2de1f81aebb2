"""EndpointSlices: which pods stand behind a Service, and whether to send them anything."""

from collections.abc import Iterable, Sequence

from sandbox.controllers.ownership import (
    PODS,
    SERVICES,
    SLICES,
    find_condition,
    find_controller,
    is_controlled_by,
    is_deleting,
    is_finished,
    reference,
)
from sandbox.controllers.queue import Key
from sandbox.controllers.template import random_suffix
from sandbox.store import Event, EventType, Object, Store

_NAME_LABEL = "kubernetes.io/service-name"


class EndpointSliceController:
    """Keeps one slice for each Service that selects pods."""

    name = "endpointslice"

    def __init__(self, store: Store) -> None:
        self._store = store

    def concerned(self, event: Event) -> Iterable[Key]:
        """The Service itself, and those whose selector fits, or fitted, a pod."""
        metadata = event.object["metadata"]
        namespace = metadata.get("namespace", "")
        if event.resource == SERVICES:
            yield Key(SERVICES, namespace, metadata["name"])
        elif event.resource == PODS:
            versions = [event.object, *([event.previous] if event.previous else [])]
            for service in self._store.list(SERVICES, namespace):
                if any(_selects(service, pod) for pod in versions):
                    yield Key(SERVICES, namespace, service["metadata"]["name"])
        elif event.resource == SLICES and event.type is EventType.DELETED:
            owner = find_controller(event.object) or {"name": ""}
            yield Key(SERVICES, namespace, owner["name"])

    def reconcile(self, key: Key) -> None:
        """Write the slice of a Service. Without a selector it has none; a deleted Service's is garbage."""
        service = self._store.find(*key)
        if service is None or not service["spec"].get("selector"):
            return
        slices = self._store.list(SLICES, key.namespace)
        known = next((found for found in slices if is_controlled_by(found, service)), None)
        fresh = _build_slice(service, self._find_pods(service))
        if known is None:
            self._store.create(SLICES, fresh)
            return
        fresh["metadata"] = known["metadata"] | {"labels": fresh["metadata"]["labels"]}
        self._store.update(SLICES, fresh)

    def _find_pods(self, service: Object) -> list[Object]:
        """The pods behind a Service: those that have an address and are not over."""
        pods = self._store.list(PODS, service["metadata"]["namespace"])
        return [pod for pod in pods if _selects(service, pod) and _has_address(pod)]


def _selects(service: Object, pod: Object) -> bool:
    selector = service["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels") or {}
    return bool(selector) and selector.items() <= labels.items()


def _has_address(pod: Object) -> bool:
    return bool((pod.get("status") or {}).get("podIP")) and not is_finished(pod)


def _build_slice(service: Object, pods: Sequence[Object]) -> Object:
    metadata = service["metadata"]
    managed = {
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        _NAME_LABEL: metadata["name"],
    }
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {
            "name": f"{metadata['name']}-{random_suffix()}",
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": (metadata.get("labels") or {}) | managed,
            "ownerReferences": [reference(service, api_version="v1", kind="Service")],
        },
        "addressType": "IPv4",
        "endpoints": [_build_endpoint(service, pod) for pod in pods],
        "ports": _build_ports(service, pods),
    }


def _build_endpoint(service: Object, pod: Object) -> Object:
    """One pod. On its way out it still serves what it has, but is not ready for more."""
    ready = find_condition(pod, "Ready")
    is_serving = ready is not None and ready["status"] == "True"
    is_published = is_serving and not is_deleting(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": is_published or bool(service["spec"].get("publishNotReadyAddresses")),
            "serving": is_serving,
            "terminating": is_deleting(pod),
        },
        "targetRef": {
            "kind": "Pod",
            "namespace": pod["metadata"]["namespace"],
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
        "nodeName": pod["spec"].get("nodeName", ""),
    }


def _build_ports(service: Object, pods: Sequence[Object]) -> list[Object]:
    """The Service's ports where its pods have them; a port's name is that of the first pod that knows it."""
    built = []
    for port in service["spec"].get("ports") or ():
        target = port.get("targetPort") or port["port"]
        number = target if isinstance(target, int) else _find_named_port(target, pods)
        if pods and number is not None:
            built.append(
                {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": number}
            )
    return built


def _find_named_port(name: str, pods: Sequence[Object]) -> int | None:
    for pod in pods:
        for container in pod["spec"]["containers"]:
            for port in container.get("ports") or ():
                if port.get("name") == name:
                    return int(port["containerPort"])
    return None
