"""What must not reach a cluster, and that all of it is told at once."""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from release.model import Color
from release.problems import Problem
from source.manifests import Manifests, render
from source.vetting import check_manifests, find_violations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from release.config import App
    from source.manifests import Context


@pytest.fixture
def manifests(article: Path, article_app: App, context: Context) -> Manifests:
    return render(article_app, article, context)


def with_extra(manifests: Manifests, **fields: Any) -> Manifests:  # noqa: ANN401 -- parts of an object
    extra = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "extra", "namespace": "shop"},
        **fields,
    }
    return dataclasses.replace(manifests, extras=(*manifests.extras, extra))


@pytest.mark.parametrize("color", list(Color))
def test_the_articles_manifests_pass(
    article: Path, article_app: App, color: Color, make_context: Callable[..., Context]
) -> None:
    context = make_context(color=color, live_color=color.other)

    assert find_violations(render(article_app, article, context), article_app, "shop") == []


@pytest.mark.parametrize("hosts", [["shop.example.com"], ["*"]])
def test_our_own_templates_pass(
    app: App, empty_tree: Path, hosts: list[str], make_context: Callable[..., Context]
) -> None:
    found = render(app, empty_tree, make_context(values={"hosts": hosts}))

    check_manifests(found, app, "shop")
    assert find_violations(found, app, "shop") == []


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"kind": "ClusterRoleBinding"}, "ClusterRoleBinding extra: this kind is not allowed"),
        ({"kind": "Secret"}, "Secret extra: this kind is not allowed"),
        ({"kind": "List"}, "List extra: this kind is not allowed"),
        ({"kind": "Gateway", "apiVersion": "gateway.networking.k8s.io/v1"}, "is not the API of this kind"),
        ({"metadata": {"name": "extra", "namespace": "kube-system"}}, "names the namespace kube-system"),
        ({"kind": "Deployment", "apiVersion": "apps/v1"}, "a second Deployment would not move"),
        ({"kind": "VirtualService", "apiVersion": "networking.istio.io/v1"}, "a second VirtualService"),
        (
            {"kind": "Service", "metadata": {"name": "myapp", "namespace": "shop"}},
            "Service myapp: stands there 2",
        ),
    ],
)
def test_what_does_not_belong_to_the_app_is_refused(
    manifests: Manifests, article_app: App, fields: dict[str, Any], what: str
) -> None:
    [found] = find_violations(with_extra(manifests, **fields), article_app, "shop")

    assert what in found


def test_a_kind_that_the_configuration_allows_passes(
    manifests: Manifests, make_app: Callable[..., App]
) -> None:
    extended = with_extra(manifests, kind="PodDisruptionBudget", apiVersion="policy/v1")
    app = make_app(manifests={"allowed_kinds": ["PodDisruptionBudget"]})

    assert find_violations(extended, app, "shop") == []


def entry(manifests: Manifests, index: int) -> dict[str, Any]:
    found: dict[str, Any] = manifests.virtual_service_test["spec"]["http"][index]
    return found


def add_own_entry(manifests: Manifests) -> None:
    own = {"name": "uploads", "route": [{"destination": {"host": "myapp", "subset": "blue"}}]}
    manifests.virtual_service_test["spec"]["http"].insert(0, own)


def split_default(manifests: Manifests) -> None:
    entry(manifests, -1)["route"].append({"destination": {"host": "myapp", "subset": "green"}, "weight": 5})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda m: m.deployment["metadata"].update(name="myapp"), "the name must contain the color"),
        (lambda m: m.deployment["metadata"].update(name="evergreen"), "the name must contain the color"),
        (lambda m: m.deployment["spec"]["selector"]["matchLabels"].update(tier="web"), "asks for tier=web"),
        (lambda m: m.service["spec"]["selector"].update(color="green"), "selects by color"),
        (lambda m: m.service["spec"]["selector"].update(workflow="x"), "selects by workflow"),
        (lambda m: m.service["spec"]["selector"].update(tier="web"), "selects tier=web"),
        (lambda m: m.service["spec"].pop("selector"), "has no selector"),
        (lambda m: m.service.update(spec="text"), "spec must be a mapping"),
        (
            lambda m: m.virtual_service_test["metadata"].update(name="other"),
            "the two forms must be one object",
        ),
        (
            lambda m: m.destination_rule_test["metadata"].update(name="other"),
            "the two forms must be one object",
        ),
        (lambda m: m.destination_rule_steady["spec"].update(host="other"), "is for other, not for"),
        (lambda m: m.destination_rule_test["spec"].pop("host"), "is for None, not for"),
        (lambda m: m.destination_rule_test["spec"]["subsets"].pop(), "one subset green, has 0"),
        (
            lambda m: m.destination_rule_test["spec"]["subsets"].append({"name": "blue"}),
            "one subset blue, has 2",
        ),
        (
            lambda m: entry(m, -1)["route"][0]["destination"].update(host="myapp-green"),
            "leads to myapp-green, not",
        ),
        (lambda m: entry(m, -1).update(route=[]), "must lead to one destination, has 0"),
        (split_default, "must lead to one destination, has 2"),
        (lambda m: entry(m, 0).pop("match"), "no entry of the test form matches the test cookie"),
        (lambda m: entry(m, 0)["match"].append({"uri": {"prefix": "/"}}), "users would see it"),
        (add_own_entry, "a switch only moves the default entry"),
    ],
)
def test_what_would_break_blue_green_is_refused(
    manifests: Manifests, article_app: App, change: Callable[[Manifests], object], what: str
) -> None:
    change(manifests)

    assert any(what in finding for finding in find_violations(manifests, article_app, "shop"))


@pytest.mark.parametrize(
    "host", ["myapp", "myapp.shop", "myapp.shop.svc", "myapp.shop.svc.cluster.local", "myapp.shop.svc.corp"]
)
def test_a_host_may_be_written_short_or_long(manifests: Manifests, article_app: App, host: str) -> None:
    for rule in (manifests.destination_rule_steady, manifests.destination_rule_test):
        rule["spec"]["host"] = host

    assert find_violations(manifests, article_app, "shop") == []


@pytest.mark.parametrize("host", ["myapp.other", "myapp.shop.svcs", "myapp.shop.example.com"])
def test_a_host_elsewhere_is_not_the_service(manifests: Manifests, article_app: App, host: str) -> None:
    manifests.destination_rule_test["spec"]["host"] = host

    assert len(find_violations(manifests, article_app, "shop")) == 1


def test_everything_is_told_at_once_with_the_templates_origin(manifests: Manifests, article_app: App) -> None:
    manifests.service["metadata"]["namespace"] = "kube-system"
    extended = with_extra(manifests, kind="Secret")

    with pytest.raises(Problem) as caught:
        check_manifests(extended, article_app, "shop")

    document = caught.value.document
    assert document.slug == "manifests-refused"
    assert "manifests/ of https://git.example.com/acme/myapp.git" in document.detail
    assert "Service myapp: names the namespace kube-system" in document.detail
    assert "Secret extra: this kind is not allowed" in document.detail


def test_vetting_changes_nothing(manifests: Manifests, article_app: App) -> None:
    del manifests.service["spec"]["selector"]
    before = copy.deepcopy(manifests)

    find_violations(manifests, article_app, "shop")

    assert manifests == before
