"""What commands and Jobs print, without the Secrets that their pods are given.

Verdigris knows the values of its own configuration; those of Kubernetes Secrets it has to look up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.errors import Forbidden
from cluster.podsecrets import read_secret, secret_names
from release.secret import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.kinds import Object
    from release.secret import Secret
    from tasks.step import Step


def tell_hiding(step: Step, template: Object) -> Callable[[str], None]:
    """``step.tell`` for what a pod of the template prints."""
    redactor = Redactor(read_pod_secrets(step, template))
    return lambda line: step.tell(redactor.redact(line))


def read_pod_secrets(step: Step, template: Object) -> list[Secret]:
    """The values of the template's Secrets; of one that we may not read the log says so."""
    values: list[Secret] = []
    for name in secret_names(template):
        try:
            values += step.ask(lambda name=name: read_secret(step.cluster, step.app.namespace, name))  # type: ignore[misc]
        except Forbidden:
            step.tell(
                f"Secret {name} can't be read by the worker's account: what the pod prints of it stands here"
            )
    return values
