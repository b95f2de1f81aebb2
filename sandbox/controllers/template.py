"""Pod templates: telling one from another, the hash that names each ReplicaSet, and the pods of one."""

import hashlib
import json
import secrets

from sandbox.controllers.ownership import reference
from sandbox.store import Object, clone

HASH_LABEL = "pod-template-hash"

# Kubernetes' letters for generated names: no vowels, no words.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"

_POD_DEFAULTS = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "serviceAccountName": "default",
    "serviceAccount": "default",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "priority": 0,
    "enableServiceLinks": True,
    "preemptionPolicy": "PreemptLowerPriority",
}


def hash_template(template: Object, *, collisions: int = 0) -> str:
    """A short name for a template. It depends on nothing else, so scaling does not change it.

    `collisions`: how often the name was taken by another template.
    """
    content = json.dumps([template, collisions], sort_keys=True).encode()
    number = int.from_bytes(hashlib.sha256(content).digest()[:4], "big")
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(number))


def is_same_template(replica_set: Object, template: Object) -> bool:
    """Whether a ReplicaSet was made for a template: the hash label apart, they are equal."""
    own = clone(replica_set["spec"]["template"])
    (own.get("metadata", {}).get("labels") or {}).pop(HASH_LABEL, None)
    return bool(own == template)


def random_suffix() -> str:
    """Five letters, as generateName appends them."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))


def build_pod(owner: Object, *, api_version: str, kind: str) -> Object:
    """A pod of a ReplicaSet's or a Job's template, yet to be created."""
    template = clone(owner["spec"]["template"])
    prefix = f"{owner['metadata']['name']}-"
    inherited = template.get("metadata") or {}
    metadata = {
        "name": prefix + random_suffix(),
        "generateName": prefix,
        "namespace": owner["metadata"]["namespace"],
        "labels": inherited.get("labels") or {},
        "ownerReferences": [reference(owner, api_version=api_version, kind=kind)],
    }
    if inherited.get("annotations"):
        metadata["annotations"] = inherited["annotations"]
    spec = _POD_DEFAULTS | template["spec"]
    status = {"phase": "Pending", "qosClass": _quality(spec)}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": status}


def _quality(spec: Object) -> str:
    """The pod's quality of service class: whether its containers reserve anything, and all they may use."""
    resources = [container.get("resources") or {} for container in spec["containers"]]
    if not any(entry.get("requests") or entry.get("limits") for entry in resources):
        return "BestEffort"
    for entry in resources:
        limits = entry.get("limits") or {}
        if {"cpu", "memory"} - limits.keys() or (entry.get("requests") or limits) != limits:
            return "Burstable"
    return "Guaranteed"
