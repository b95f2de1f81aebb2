"""Pod templates: telling one from another, and the hash that names the ReplicaSet of each."""

import hashlib
import json
import secrets

from sandbox.store import Object, clone

HASH_LABEL = "pod-template-hash"

# Kubernetes' letters for generated names: no vowels, no words.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


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
