"""Label and field selectors."""

import pytest

from sandbox.api.errors import ApiError
from sandbox.api.resources import get_resource
from sandbox.api.selectors import format_selector, match_selector, parse_labels, parse_selection

LABELS = {"app": "shop", "color": "blue", "tier": ""}


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ("", True),
        ("app=shop,color=blue", True),
        ("app==shop", True),
        ("app!=shop", False),
        ("other!=shop", True),
        ("color in (blue, green)", True),
        ("color in (green),app=shop", False),
        ("color notin (green)", True),
        ("missing notin (x)", True),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("tier=", True),
        ("example.com/app=shop", False),
    ],
)
def test_label_selectors_choose(selector: str, *, chosen: bool) -> None:
    assert parse_labels(selector)(LABELS) is chosen


@pytest.mark.parametrize("selector", ["app in blue", "-x=1", "a b", "in (x)"])
def test_an_unreadable_label_selector_is_refused(selector: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_labels(selector)

    assert caught.value.code == 400


def test_field_selectors_choose() -> None:
    pod = {"metadata": {"name": "a", "namespace": "shop"}, "status": {"phase": "Running"}}
    pods = get_resource("pods")

    assert parse_selection(pods, "", "metadata.name=a,status.phase==Running")(pod)
    assert not parse_selection(pods, "", "status.phase!=Running")(pod)
    assert parse_selection(pods, "", "spec.nodeName=")(pod)


def test_a_source_is_selected_by_its_component() -> None:
    event = {"metadata": {"name": "a"}, "source": {"component": "kubelet"}}

    assert parse_selection(get_resource("events"), "", "source=kubelet")(event)


@pytest.mark.parametrize(
    ("selector", "message"),
    [("spec.replicas=1", "field label not supported: spec.replicas"), ("metadata.name", "invalid selector")],
)
def test_a_field_that_cannot_be_selected_by_is_refused(selector: str, message: str) -> None:
    with pytest.raises(ApiError, match=message):
        parse_selection(get_resource("deployments.apps"), "", selector)


def test_selectors_of_objects_match_and_print() -> None:
    selector = {
        "matchLabels": {"app": "shop"},
        "matchExpressions": [
            {"key": "color", "operator": "In", "values": ["green", "blue"]},
            {"key": "color", "operator": "NotIn", "values": ["red"]},
            {"key": "tier", "operator": "Exists"},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }

    assert match_selector(selector, LABELS)
    assert not match_selector(selector, {**LABELS, "old": "1"})
    assert not match_selector(selector, {**LABELS, "app": "other"})
    assert format_selector(selector) == "app=shop,color in (blue,green),color notin (red),tier,!old"
