"""Who owns which fields of an object: conflicts, who wrote last, making ours what we created. No I/O.

Kubernetes keeps an owner per manager *and* operation: what we POST or patch belongs to ``verdigris, Update``,
what we apply to ``verdigris, Apply``. They are strangers to each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cluster.edits import find_last_writer
from cluster.objects import annotations_of, labels_of
from cluster.patch import Patch, at_version, replace
from release.names import FIELD_MANAGER
from release.others import Tool, Writer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cluster.errors import Conflict
    from cluster.kinds import Object

Fields = dict[str, Any]

KUBECTL_APPLY: Final = "kubectl-client-side-apply"
"""What a plain ``kubectl apply`` calls itself. It writes by PATCH, so its fields are owned by an Update."""

OURS: Final = frozenset({FIELD_MANAGER, KUBECTL_APPLY})
"""Managers whose fields an apply may always take: our own, and the ``kubectl apply`` that came before us."""

TOOLS: Final = {
    "argocd": Tool.ARGO_CD,
    "argocd-controller": Tool.ARGO_CD,
    "argocd-application-controller": Tool.ARGO_CD,
    "argocd-server": Tool.ARGO_CD,
    "flux": Tool.FLUX,
    "flux-client-side-apply": Tool.FLUX,
    "kustomize-controller": Tool.FLUX,
    "helm-controller": Tool.FLUX_HELM,
    "helm": Tool.HELM,
}
"""The names under which tools write that put objects back."""

MARKS: Final = (
    ("argocd.argoproj.io/tracking-id", "", Tool.ARGO_CD),
    ("argocd.argoproj.io/instance", "", Tool.ARGO_CD),
    ("kustomize.toolkit.fluxcd.io/name", "", Tool.FLUX),
    ("helm.toolkit.fluxcd.io/name", "", Tool.FLUX_HELM),
    ("app.kubernetes.io/managed-by", "Helm", Tool.HELM),
)
"""Labels and annotations (with their value, where only that says something) that such tools leave."""

_MANAGER: Final = re.compile(r'conflict with "([^"]*)"')


@dataclass(frozen=True, slots=True)
class OwnedField:
    """A field that an apply wants and another manager owns."""

    manager: str
    field: str

    def __str__(self) -> str:
        return f"{self.field} (owned by {self.manager})"


def conflicting_fields(conflict: Conflict) -> list[OwnedField]:
    """Read the causes of a refused apply."""
    causes = [cause for cause in conflict.causes if cause.reason == "FieldManagerConflict"]
    return [OwnedField(_manager(cause.message), cause.field) for cause in causes]


def not_to_take(fields: Sequence[OwnedField], take_over: Collection[str]) -> list[OwnedField]:
    """The fields whose managers nobody allowed us to overrule."""
    return [field for field in fields if field.manager not in OURS and field.manager not in take_over]


def find_writer(obj: Object, path: tuple[str, ...]) -> Writer | None:
    """Who wrote a field last, and which tool that is; None where the object does not tell."""
    entry = find_last_writer(obj, path)
    if entry is None:
        return None
    manager = str(entry.get("manager") or "somebody without a name")
    by_name, by_mark = TOOLS.get(manager), find_tool(obj)
    return Writer(
        manager=manager,
        operation=str(entry.get("operation", "")),
        at=_time(entry.get("time")),
        tool=by_name or by_mark,
        is_by_mark=by_name is None and by_mark is not None,
    )


def find_tool(obj: Object) -> Tool | None:
    """Which tool keeps an object, by what it carries."""
    carried = {**labels_of(obj), **annotations_of(obj)}
    for name, value, tool in MARKS:
        if name in carried and value in {"", carried[name]}:
            return tool
    return None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def adopt_own_writes(obj: Object, *, managers: Collection[str] = (FIELD_MANAGER,)) -> Patch | None:
    """The patch that hands fields which we created or patched over to our applies; None where there are none.

    ``managers``: those whose fields count as ours; with ``OURS`` also what ``kubectl apply`` left.

    An apply removes a field only when the same owner applied it before. What we created by POST belongs to
    ``Update``, so without this a field taken out of the manifest would stay in the cluster for ever, and each
    change of another would be a conflict with ourselves. client-go's ``csaupgrade`` does the same for objects
    of ``kubectl apply``. Entries that own nothing but annotations stay: our stamps are no part of a manifest,
    and an apply must not remove them. Fields owned through a subresource (status, scale) stay as well.
    """
    entries: list[Fields] = obj["metadata"].get("managedFields") or []
    ours = [entry for entry in entries if _is_update_to_adopt(entry, managers)]
    if not ours:
        return None
    applied = next((entry for entry in entries if _is_apply(entry)), None)
    others = [entry for entry in entries if entry not in ours and entry is not applied]
    merged = _as_apply([*([applied] if applied else []), *ours])
    return [*at_version(obj), *replace("/metadata/managedFields", [merged, *others])]


def _manager(message: str) -> str:
    found = _MANAGER.search(message)
    return found[1] if found else message


def is_kubectls(obj: Object) -> bool:
    """Whether a plain ``kubectl apply`` owns fields of the object, so that it would go on owning them."""
    entries: list[Fields] = obj["metadata"].get("managedFields") or []
    return any(_is_update_to_adopt(entry, {KUBECTL_APPLY}) for entry in entries)


def _is_update_to_adopt(entry: Mapping[str, Any], managers: Collection[str]) -> bool:
    ours = entry.get("manager") in managers and entry.get("operation") == "Update"
    return ours and not entry.get("subresource") and not _owns_only_annotations(entry.get("fieldsV1") or {})


def _is_apply(entry: Mapping[str, Any]) -> bool:
    ours = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
    return ours and not entry.get("subresource")


def _owns_only_annotations(fields: Fields) -> bool:
    return set(fields) <= {"f:metadata"} and set(fields.get("f:metadata", {})) <= {"f:annotations"}


def _as_apply(entries: Sequence[Fields]) -> Fields:
    """One entry that owns what these own. The first gives the API version that field names are written in."""
    fields: Fields = {}
    for entry in entries:
        fields = _union(fields, entry.get("fieldsV1") or {})
    return {**entries[0], "manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields}


def _union(one: Fields, other: Fields) -> Fields:
    common = {name: _union(one[name], other[name]) for name in one if name in other}
    return {**one, **other, **common}
