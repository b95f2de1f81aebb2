"""Resource quotas, as far as they count pods: enough to see a rollout refused."""

from sandbox.controllers.ownership import PODS, QUOTAS, is_finished
from sandbox.store import Object, Store

_COUNTED = ("pods", "count/pods")


def find_refusal(store: Store, pod: Object) -> str | None:
    """Why the namespace's quotas forbid one more pod, in the API server's words; None when they don't."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    used = sum(not is_finished(known) for known in store.list(PODS, namespace))
    for quota in store.list(QUOTAS, namespace):
        hard = (quota.get("spec") or {}).get("hard") or {}
        for what in _COUNTED:
            if what in hard and used + 1 > int(hard[what]):
                return (
                    f'pods "{name}" is forbidden: exceeded quota: {quota["metadata"]["name"]}, '
                    f"requested: {what}=1, used: {what}={used}, limited: {what}={hard[what]}"
                )
    return None
