"""The values that a real API server fills in: for Deployments, pod templates, Services and a few more.

Only absent fields are set. Addresses are invented by `addresses`; checks are the business of `validation`.
"""

from collections.abc import Callable

from sandbox.api.resources import Resource
from sandbox.store import Object

FILE_MODE = 420  # 0644
JOB_NAME_LABEL = "batch.kubernetes.io/job-name"


def set_defaults(resource: Resource, obj: Object) -> Object:
    """Fill in the defaults of a kind, in place, and return the object."""
    if resource.kind in _DEFAULTS and not resource.custom:
        _DEFAULTS[resource.kind](obj)
    return obj


def set_pod_defaults(obj: Object) -> None:
    """The defaults of a Pod: those of a template, and requests that follow from limits."""
    spec = obj.setdefault("spec", {})
    _set_pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    for container in spec.get("containers", []):
        resources = container["resources"]
        if "limits" in resources:
            resources["requests"] = {**resources["limits"], **resources.get("requests", {})}


def _set_deployment(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    _set_template(spec)
    obj.setdefault("status", {})


def _set_replica_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    _set_template(spec)
    obj.setdefault("status", {"replicas": 0})


def _set_job(obj: Object) -> None:
    """A Job's pods are found by its name; their label with its uid comes from the controller here."""
    spec = obj.setdefault("spec", {})
    for name, value in (
        ("parallelism", 1),
        ("completions", 1),
        ("backoffLimit", 6),
        ("manualSelector", False),
        ("completionMode", "NonIndexed"),
        ("suspend", False),
        ("podReplacementPolicy", "TerminatingOrFailed"),
    ):
        spec.setdefault(name, value)
    _set_template(spec)
    if "name" in obj["metadata"] and not spec["manualSelector"]:
        mark = {JOB_NAME_LABEL: obj["metadata"]["name"]}
        spec.setdefault("selector", {"matchLabels": mark})
        labels = spec["template"]["metadata"].setdefault("labels", {})
        labels |= {**mark, "job-name": obj["metadata"]["name"]}
    obj.setdefault("status", {})


def _set_template(spec: Object) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    _set_pod_spec(template.setdefault("spec", {}))


def _set_pod_spec(spec: Object) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    for container in [*spec.get("initContainers", []), *spec.get("containers", [])]:
        _set_container(container)
    for volume in spec.get("volumes", []):
        _set_volume(volume)


def _set_container(container: Object) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("imagePullPolicy", _pull_policy(container.get("image", "")))
    for port in container.get("ports", []):
        port.setdefault("protocol", "TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _set_probe(container[name])
    for variable in container.get("env", []):
        reference = variable.get("valueFrom", {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")


def _set_probe(probe: Object) -> None:
    for name, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        probe.setdefault(name, value)
    if "httpGet" in probe:
        probe["httpGet"].setdefault("path", "/")
        probe["httpGet"].setdefault("scheme", "HTTP")


def _set_volume(volume: Object) -> None:
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if source in volume:
            volume[source].setdefault("defaultMode", FILE_MODE)
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")


def _pull_policy(image: str) -> str:
    """`Always` for an image without a tag or with `latest`, which can change behind its name."""
    if "@" in image:
        return "IfNotPresent"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in {"", "latest"} else "IfNotPresent"


def _set_service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    for port in spec.get("ports", []):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    obj.setdefault("status", {}).setdefault("loadBalancer", {})


def _set_namespace(obj: Object) -> None:
    metadata = obj["metadata"]
    if "name" in metadata:
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]


def _set_secret(obj: Object) -> None:
    obj.setdefault("type", "Opaque")


def _set_autoscaler(obj: Object) -> None:
    obj.setdefault("spec", {}).setdefault("minReplicas", 1)


def _set_role_binding(obj: Object) -> None:
    obj.setdefault("roleRef", {}).setdefault("apiGroup", "rbac.authorization.k8s.io")
    for subject in obj.get("subjects", []):
        if subject.get("kind") in {"User", "Group"}:
            subject.setdefault("apiGroup", "rbac.authorization.k8s.io")


def _set_event(obj: Object) -> None:
    obj.setdefault("type", "Normal")
    obj.setdefault("source", {})
    obj.setdefault("reportingComponent", obj["source"].get("component", ""))
    obj.setdefault("reportingInstance", "")


_DEFAULTS: dict[str, Callable[[Object], None]] = {
    "ClusterRoleBinding": _set_role_binding,
    "Deployment": _set_deployment,
    "Event": _set_event,
    "HorizontalPodAutoscaler": _set_autoscaler,
    "Job": _set_job,
    "Namespace": _set_namespace,
    "Pod": set_pod_defaults,
    "ReplicaSet": _set_replica_set,
    "RoleBinding": _set_role_binding,
    "Secret": _set_secret,
    "Service": _set_service,
}
