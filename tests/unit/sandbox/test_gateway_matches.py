from typing import Any

import pytest

from sandbox.gateway.matches import is_catch_all, translate_match
from sandbox.gateway.terms import Report, TranslationError

Object = dict[str, Any]


def translated(match: Object) -> Object:
    return translate_match(match, "match", Report())


@pytest.mark.parametrize(
    ("istio", "envoy"),
    [
        ({}, {"prefix": "/"}),
        ({"uri": {"exact": "/a"}}, {"path": "/a"}),
        ({"uri": {"prefix": "/a"}}, {"prefix": "/a"}),
        ({"uri": {"regex": "/a.*"}}, {"safe_regex": {"regex": "/a.*"}}),
        ({"uri": {"prefix": "/a"}, "ignoreUriCase": True}, {"prefix": "/a", "case_sensitive": False}),
        ({"uri": {"regex": "/a"}, "ignoreUriCase": True}, {"safe_regex": {"regex": "/a"}}),
        ({"method": {"exact": "GET"}}, [{"name": ":method", "string_match": {"exact": "GET"}}]),
        ({"authority": {"prefix": "a"}}, [{"name": ":authority", "string_match": {"prefix": "a"}}]),
        ({"scheme": {"exact": "http"}}, [{"name": ":scheme", "string_match": {"exact": "http"}}]),
        ({"headers": {"X-A": {"exact": "1"}}}, [{"name": "x-a", "string_match": {"exact": "1"}}]),
        ({"headers": {"x-a": {"prefix": "1"}}}, [{"name": "x-a", "string_match": {"prefix": "1"}}]),
        (
            {"headers": {"cookie": {"regex": r"^(.*?;\s*)?(test=true)(;.*)?$"}}},
            [
                {
                    "name": "cookie",
                    "string_match": {"safe_regex": {"regex": r"^(.*?;\s*)?(test=true)(;.*)?$"}},
                }
            ],
        ),
        ({"headers": {"x-a": {}}}, [{"name": "x-a", "present_match": True}]),
        ({"headers": {"x-a": {"regex": "*"}}}, [{"name": "x-a", "present_match": True}]),
        (
            {"withoutHeaders": {"x-a": {}}},
            [{"name": "x-a", "present_match": True, "invert_match": True}],
        ),
        (
            {"withoutHeaders": {"x-a": {"exact": "1"}}},
            [
                {
                    "name": "x-a",
                    "string_match": {"exact": "1"},
                    "invert_match": True,
                    "treat_missing_header_as_empty": True,
                }
            ],
        ),
    ],
)
def test_conditions_are_translated(istio: Object, envoy: Object | list[Object]) -> None:
    wanted = {"prefix": "/", "headers": envoy} if isinstance(envoy, list) else envoy
    assert translated(istio) == wanted


@pytest.mark.parametrize(
    ("istio", "envoy"),
    [
        ({"exact": "1"}, {"string_match": {"exact": "1"}}),
        ({"regex": "1+"}, {"string_match": {"safe_regex": {"regex": "1+"}}}),
        ({"prefix": "1"}, {"string_match": {"prefix": "1"}}),
        ({}, {"present_match": True}),
    ],
)
def test_query_parameters_are_translated(istio: Object, envoy: Object) -> None:
    assert translated({"queryParams": {"a": istio}})["query_parameters"] == [{"name": "a", **envoy}]


@pytest.mark.parametrize("condition", ["sourceLabels", "port", "sourceNamespace", "somethingNew"])
def test_a_match_is_refused_rather_than_widened_by_a_condition_that_is_not_played(condition: str) -> None:
    with pytest.raises(TranslationError, match=rf"match\.{condition}"):
        translated({condition: "x", "uri": {"prefix": "/"}})


def test_a_name_of_statistics_changes_nothing_and_is_reported() -> None:
    report = Report("VirtualService shop/myapp")
    assert translate_match({"statPrefix": "x", "name": "y"}, "match", report) == {"prefix": "/"}
    assert len(report.lines) == 1


def test_only_a_match_without_conditions_takes_everything() -> None:
    assert is_catch_all(translated({}))
    assert is_catch_all(translated({"uri": {"prefix": "/"}}))
    assert not is_catch_all(translated({"headers": {"x-a": {}}}))
    assert not is_catch_all(translated({"uri": {"prefix": "/a"}}))
