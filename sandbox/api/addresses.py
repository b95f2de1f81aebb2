"""The addresses of Services: invented here, since nothing routes them; the gateway goes to the pods.

A Service keeps its address through every update, as with a real server.
"""

from collections.abc import Iterable
from itertools import count

from sandbox.store import Object

_NETWORK = "10.78"
_FIRST_NODE_PORT = 30000
_KEPT = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


def assign_address(service: Object, *, old: Object | None, others: Iterable[Object]) -> None:
    """Give a Service what it lacks: its old address or a free one, and node ports where its type has them."""
    spec = service["spec"]
    if spec["type"] == "ExternalName":
        return
    for name in _KEPT:
        if old and name in old["spec"]:
            spec.setdefault(name, old["spec"][name])
    if not spec.get("clusterIP"):
        taken = {other["spec"].get("clusterIP") for other in others}
        spec["clusterIP"] = next(ip for ip in _addresses() if ip not in taken)
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec["type"] in {"NodePort", "LoadBalancer"}:
        for offset, port in enumerate(spec.get("ports", [])):
            port.setdefault("nodePort", _FIRST_NODE_PORT + port["port"] % 2700 + offset)


def _addresses() -> Iterable[str]:
    return (f"{_NETWORK}.{n // 250}.{n % 250 + 1}" for n in count())
