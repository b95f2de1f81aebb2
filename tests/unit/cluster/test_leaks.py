"""Ways by which users would reach untested pods: found, and with a fix that closes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.leaks import Routing, find_leaks
from release.model import Color

Object = dict[str, Any]

LABELS = {"app": "shop", "color": "blue", "workflow": "R2", "tier": "web"}
MESHED: Object = {"hosts": ["shop.example.com", "shop"], "gateways": ["shop-gateway", "mesh"]}


def service(name: str = "shop", **selector: str) -> Object:
    return {"kind": "Service", "metadata": {"name": name}, "spec": {"selector": selector}}


def entry(host: str, subset: str | None = None, name: str = "") -> Object:
    destination = {"host": host, **({"subset": subset} if subset else {})}
    return {**({"name": name} if name else {}), "route": [{"destination": destination}]}


TEST, DEFAULT = entry("shop", "blue", "shop-test"), entry("shop", "green", "shop-default")


def route(name: str = "shop-routes", *, http: list[Object] | None = None, **spec: object) -> Object:
    return {"metadata": {"name": name}, "spec": {"http": http or [TEST, DEFAULT], **spec}}


def found(
    app_route: Object, *others: Object, services: list[Object] | None = None, stands: bool = False
) -> list[tuple[str, str]]:
    routing = Routing(
        namespace="shop",
        color=Color.BLUE,
        pod_labels=LABELS,
        services=services or [service(app="shop")],
        routes=[app_route, *others],
        app_route=app_route,
        stands=stands,
        own_entries=frozenset({"shop-test"}),
    )
    return [(leak.text, leak.fix) for leak in find_leaks(routing)]


@pytest.mark.parametrize(
    "spec",
    [
        MESHED,
        {"hosts": ["shop"]},  # without gateways: the mesh alone
        {"hosts": ["shop.shop"], "gateways": ["mesh"]},
        {"hosts": ["shop.shop.svc"], "gateways": ["mesh"]},
        {"hosts": ["shop.shop.svc.cluster.local"], "gateways": ["mesh"]},
        {"hosts": ["*.shop.svc.cluster.local"], "gateways": ["mesh"]},
    ],
)
def test_callers_in_the_mesh_that_a_route_leads_reach_nothing_untested(spec: Object) -> None:
    assert found(route(**spec)) == []


def test_another_route_of_the_team_may_lead_them() -> None:
    gateway = route(hosts=["shop.example.com"], gateways=["shop-gateway"])
    mesh = route("shop-mesh", http=[entry("shop", "green")], hosts=["shop"])

    assert found(gateway, mesh) == []


@pytest.mark.parametrize(
    "spec",
    [
        {"hosts": ["shop.example.com"], "gateways": ["shop-gateway"]},
        {"hosts": ["shop.example.com", "shop"], "gateways": ["shop-gateway"]},
        {"hosts": ["shop.example.com"], "gateways": ["mesh"]},
        {"hosts": ["shop.other"], "gateways": ["mesh"]},
        {"hosts": ["shopping"], "gateways": ["mesh"]},
    ],
)
def test_a_service_over_both_colors_that_no_route_of_the_mesh_leads_is_a_leak(spec: Object) -> None:
    ((text, fix),) = found(route(**spec))

    assert text.startswith("Service shop/shop selects the pods of both colors")
    assert "they reach blue as soon as its pods are ready" in text
    assert "VirtualService shop-routes in route.yml and route-test.yml spec.hosts: shop" in fix


def test_the_fix_of_a_route_that_stands_is_also_a_command() -> None:
    ((_, fix),) = found(route(hosts=["shop.example.com"], gateways=["shop-gateway"]), stands=True)

    command, _, patch = fix.partition(" --type=json -p ")
    assert command.endswith("kubectl -n shop patch virtualservice shop-routes")
    assert json.loads(patch.strip("'")) == [
        {"op": "add", "path": "/spec/hosts/-", "value": "shop"},
        {"op": "add", "path": "/spec/gateways/-", "value": "mesh"},
    ]


def test_a_route_of_the_mesh_alone_needs_no_gateway_added() -> None:
    ((_, fix),) = found(route(hosts=["shop.example.com"]), stands=True)

    assert "mesh" not in fix
    assert "/spec/hosts/-" in fix


def test_the_host_that_stands_for_all_is_told_to_go_first() -> None:
    """Istio refuses it together with the mesh."""
    ((_, fix),) = found(route(hosts=["*"], gateways=["shop-gateway"]), stands=True)

    assert "replace the host * by real names" in fix
    assert "kubectl" not in fix


@pytest.mark.parametrize(
    "other",
    [
        service("blue-only", app="shop", color="blue"),
        service("this-release", app="shop", workflow="R2"),
        service("somebody-else", app="other"),
        service("headless-without-selector"),
    ],
)
def test_services_that_choose_one_color_or_other_pods_are_fine(other: Object) -> None:
    assert found(route(**MESHED), services=[service(app="shop"), other]) == []


def test_an_old_service_over_the_same_pods_is_a_leak_of_its_own() -> None:
    ((text, fix),) = found(route(**MESHED), services=[service(app="shop"), service("legacy", tier="web")])

    assert text.startswith("Service shop/legacy selects")
    assert "spec.hosts: legacy" in fix


def test_a_route_that_leads_to_the_service_without_a_subset_is_a_leak() -> None:
    admin = route(
        "admin", http=[entry("shop.shop.svc.cluster.local", name="all")], hosts=["admin.example.com"]
    )
    admin["spec"]["gateways"] = ["shop-gateway"]

    ((text, fix),) = found(route(**MESHED), admin)

    assert text == (
        "VirtualService shop/admin, http entry all: leads to Service shop without a subset, so to both "
        "colors: its requests reach blue untested"
    )
    assert "live color's subset, green" in fix


def test_an_entry_of_the_team_that_names_the_color_under_test_is_a_leak() -> None:
    mobile = entry("shop", "blue", "mobile")

    ((text, _),) = found(route(http=[TEST, mobile, DEFAULT], **MESHED))

    assert "http entry mobile: leads to Service shop to the subset blue" in text


def test_entries_that_lead_elsewhere_or_to_the_live_color_are_fine() -> None:
    others = [entry("checkout"), entry("shop", "green", "slow"), {"redirect": {"uri": "/"}}]

    assert found(route(http=[TEST, *others, DEFAULT], **MESHED)) == []


def test_routes_that_are_not_http_are_looked_at_as_well() -> None:
    ((text, _),) = found(route(tcp=[entry("shop")], **MESHED))

    assert "tcp entry 0" in text


def test_shapes_that_the_server_refuses_are_left_to_it() -> None:
    broken = {
        "metadata": {"name": "shop-routes"},
        "spec": {"hosts": 5, "gateways": 7, "http": ["x", {"route": 1}]},
    }

    assert len(found(broken)) == 1
    assert found(broken, {"spec": "text"}, services=[{"spec": []}]) == []
