import pytest

from sandbox.gateway.terms import (
    Report,
    TranslationError,
    cluster_name,
    duration,
    full_host,
    narrow,
    percentage,
    regex,
    string_match,
)


@pytest.mark.parametrize(
    ("host", "full"),
    [
        ("myapp", "myapp.shop.svc.cluster.local"),
        ("myapp.other.svc.cluster.local", "myapp.other.svc.cluster.local"),
        ("myapp.other", "myapp.other"),
        ("shop.example", "shop.example"),
        ("*", "*"),
        ("*.example", "*.example"),
    ],
)
def test_a_name_without_a_dot_is_a_service_of_the_namespace(host: str, full: str) -> None:
    assert full_host(host, "shop") == full


def test_clusters_have_istios_names() -> None:
    assert cluster_name("a.b.svc.cluster.local", 80, "blue") == "outbound|80|blue|a.b.svc.cluster.local"
    assert cluster_name("a.b.svc.cluster.local", 80) == "outbound|80||a.b.svc.cluster.local"


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("*", "*", "*"),
        ("*", "shop.example", "shop.example"),
        ("shop.example", "*", "shop.example"),
        ("*.example", "shop.example", "shop.example"),
        ("*.example", "*.shop.example", "*.shop.example"),
        ("*.example", "*", "*.example"),
        ("*.example", "example", None),
        ("a.example", "b.example", None),
        ("*.a.example", "*.b.example", None),
    ],
)
def test_the_more_special_of_two_hosts_counts(one: str, other: str, common: str | None) -> None:
    assert narrow(one, other) == common


@pytest.mark.parametrize(
    ("go", "protobuf"),
    [
        ("5s", "5s"),
        ("100ms", "0.1s"),
        ("1m30s", "90s"),
        ("1.5h", "5400s"),
        ("0s", "0s"),
        ("2us", "0.000002s"),
    ],
)
def test_durations_are_told_in_seconds(go: str, protobuf: str) -> None:
    assert duration(go, place="timeout") == protobuf


@pytest.mark.parametrize("text", ["", "5", "soon", "5s later", "-5s"])
def test_what_is_no_duration_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(TranslationError, match=r"spec\.timeout: .* is no duration"):
        duration(text, place="spec.timeout")


@pytest.mark.parametrize(
    "pattern",
    [r"^(.*?;\s*)?(test=true)(;.*)?$", "[[:alpha:]]+", r"\pL+", "(?i)blue", r"a\\1", "(?P<color>blue|green)"],
)
def test_patterns_of_re2_are_taken_as_they_are(pattern: str) -> None:
    assert regex(pattern, place="uri") == {"safe_regex": {"regex": pattern}}


@pytest.mark.parametrize(
    "pattern", ["(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", r"(a)\1", "(?P<x>a)(?P=x)", "(a", "["]
)
def test_patterns_that_re2_refuses_are_refused_here(pattern: str) -> None:
    with pytest.raises(TranslationError, match="uri"):
        regex(pattern, place="uri")


def test_a_string_match_has_one_of_three_kinds() -> None:
    assert string_match({"exact": "a"}, place="uri") == {"exact": "a"}
    assert string_match({"prefix": "a"}, place="uri") == {"prefix": "a"}
    assert string_match({"regex": "a"}, place="uri") == {"safe_regex": {"regex": "a"}}
    with pytest.raises(TranslationError, match='"suffix" is none of exact, prefix, regex'):
        string_match({"suffix": "a"}, place="uri")


@pytest.mark.parametrize(
    ("fraction", "numerator"), [(None, 1_000_000), ({"value": 0.1}, 1000), ({"value": 50}, 500_000), ({}, 0)]
)
def test_percentages_are_told_in_millionths(fraction: dict[str, float] | None, numerator: int) -> None:
    assert percentage(fraction) == {"numerator": numerator, "denominator": "MILLION"}


def test_the_report_names_object_field_and_reason_and_says_it_once() -> None:
    report = Report()
    noted = report.about("VirtualService", {"metadata": {"name": "myapp", "namespace": "shop"}})
    for _ in range(2):
        noted.ignore_unknown("spec", {"hosts": [], "tls": []}, ["hosts"])
    assert report.lines == [
        "VirtualService shop/myapp: spec.tls is ignored: not played by the sandbox's gateway"
    ]
