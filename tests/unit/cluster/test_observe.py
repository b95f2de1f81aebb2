"""What a look keeps of the route and who wrote it. Both colors, from a server: ``tests/integration``."""

import pytest

from cluster.kinds import Object, Ref
from cluster.observe import observe
from release.model import Color
from release.observation import Observation
from tests.unit.cluster.fakes import Answer, fake_cluster

NOWHERE = Answer(404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})
DEFAULT: Object = {"name": "shop-default", "route": [{"destination": {"host": "shop", "subset": "blue"}}]}
TEST: Object = {"name": "shop-test", "route": [{"destination": {"host": "shop", "subset": "green"}}]}


def owned(part: str, manager: str) -> list[Object]:
    time = "2026-01-01T12:03:04Z"
    return [
        {"manager": manager, "operation": "Apply", "time": time, "fieldsV1": {"f:spec": {f"f:{part}": {}}}}
    ]


def route(*entries: Object, by: str = "argocd-controller") -> Object:
    metadata = {"name": "shop", "resourceVersion": "7", "managedFields": owned("http", by)}
    return {"metadata": metadata, "spec": {"http": list(entries)}}


def rule(*subsets: str) -> Object:
    metadata = {"name": "shop", "resourceVersion": "8", "managedFields": owned("subsets", "kubectl-edit")}
    return {"metadata": metadata, "spec": {"host": "shop", "subsets": [{"name": name} for name in subsets]}}


def look(standing: Object | None, subsets: Object | None = None) -> Observation:
    """No Deployment exists; then the DestinationRule is read, and the route last."""
    found = [Answer(200, obj) if obj else NOWHERE for obj in (subsets, standing)]
    cluster, _ = fake_cluster([NOWHERE, NOWHERE, *found])
    return observe(
        cluster,
        "shop",
        deployments={color: Ref("Deployment", "shop", f"shop-{color}") for color in Color},
        virtual_service=Ref("VirtualService", "shop", "shop"),
        destination_rule=Ref("DestinationRule", "shop", "shop"),
        context="prod",
    )


def test_a_route_is_kept_with_its_default_its_writer_and_the_way_to_the_other_color() -> None:
    seen = look(route(TEST, DEFAULT), rule("green", "blue", "canary"))

    assert (seen.has_route, seen.default, seen.live) == (True, Color.BLUE, None)
    assert str(seen.route_writer) == "argocd-controller (Apply, 12:03:04 UTC)"
    assert (seen.subsets, str(seen.subsets_writer)) == (
        (Color.BLUE, Color.GREEN),
        "kubectl-edit (Apply, 12:03:04 UTC)",
    )
    assert seen.forth.startswith(
        "kubectl --context prod -n shop patch virtualservices.networking.istio.io shop --type=json -p '["
    )
    assert '"path":"/spec/http/1/route/0/destination/subset","value":"green"' in seen.forth


def test_a_route_or_rule_that_is_not_there_is_told_from_one_that_was_not_read() -> None:
    seen = look(None)
    assert (seen.has_route, seen.route_writer, seen.subsets, seen.forth) == (False, None, (), "")

    cluster, _ = fake_cluster([Answer(403, {"kind": "Status", "code": 403, "message": "no"})])
    unread = observe(
        cluster,
        "shop",
        deployments={Color.BLUE: Ref("Deployment", "shop", "shop-blue")},
        virtual_service=Ref("VirtualService", "shop", "shop"),
    )
    assert (unread.has_route, unread.subsets) == (None, None)
    assert unread.problem


@pytest.mark.parametrize(("writer", "is_named"), [("argocd-controller", True), ("verdigris", False)])
def test_who_made_a_route_that_is_not_understood_is_named_unless_we_did(
    writer: str,
    is_named: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    problem = look(route(by=writer)).problem

    assert problem.startswith("the VirtualService has no http entries. ")
    assert (f"The route was last written by {writer} (Apply, 12:03:04 UTC)." in problem) is is_named
