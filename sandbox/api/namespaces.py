"""Namespaces that are there without anybody having asked the API for them."""

from sandbox.store import Store


def add_namespace(store: Store, name: str) -> None:
    """Bring it in as the API server would, unless it is there."""
    if store.find("namespaces", "", name) is None:
        store.create(
            "namespaces",
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            },
        )
