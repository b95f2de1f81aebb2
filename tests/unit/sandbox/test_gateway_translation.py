from typing import Any

import pytest

from sandbox.gateway.translation import Configuration, translate

Object = dict[str, Any]
BLUE = "outbound|80|blue|myapp.shop.svc.cluster.local"
GREEN = "outbound|80|green|myapp.shop.svc.cluster.local"


def to(subset: str, **more: object) -> Object:
    return {"destination": {"host": "myapp", "subset": subset}, **more}


def gateway(name: str = "gw", namespace: str = "shop", **spec: object) -> Object:
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [server], **spec},
    }


def server(*hosts: str, protocol: str = "HTTP", number: int = 80, **more: object) -> Object:
    return {"port": {"number": number, "name": "x", "protocol": protocol}, "hosts": list(hosts), **more}


def virtual_service(*http: Object, name: str = "myapp", created: str = "1", **spec: object) -> Object:
    return {
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": created},
        "spec": {"hosts": ["*"], "gateways": ["gw"], "http": list(http) or [{"route": [to("blue")]}], **spec},
    }


def service(*ports: int) -> Object:
    return {
        "metadata": {"name": "myapp", "namespace": "shop"},
        "spec": {"selector": {"app": "myapp"}, "ports": [{"port": port} for port in ports]},
    }


def configure(
    *virtual_services: Object,
    gateways: list[Object] | None = None,
    services: list[Object] | None = None,
) -> Configuration:
    return translate(
        [gateway()] if gateways is None else gateways,
        virtual_services,
        [],
        [service(80)] if services is None else services,
        [],
    )


def hosts(configuration: Configuration) -> dict[str, list[Object]]:
    return {host["name"]: host["routes"] for host in configuration.routes["gateway"]["virtual_hosts"]}


def only_route(http: Object) -> Object:
    configuration = configure(virtual_service(http))
    (route,) = hosts(configuration)["*"]
    assert configuration.ignored == ()
    return route


def clusters(routes: list[Object]) -> list[str]:
    return [route["route"]["cluster"] for route in routes]


def test_a_default_entry_reaches_its_subset_without_a_timeout_and_with_istios_two_retries() -> None:
    route = only_route({"name": "default", "route": [to("blue")]})
    assert route["name"] == "default"
    assert route["match"] == {"prefix": "/"}
    assert route["route"]["cluster"] == BLUE
    assert route["route"]["timeout"] == "0s"
    policy = route["route"]["retry_policy"]
    assert policy["num_retries"] == 2
    assert policy["retry_on"] == "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
    assert policy["retriable_status_codes"] == [503]


def test_a_test_entry_stands_before_the_default_and_every_alternative_is_a_route() -> None:
    test = {"match": [{"headers": {"cookie": {"regex": "test=true"}}}, {"uri": {"prefix": "/t"}}]}
    configuration = configure(virtual_service({**test, "route": [to("green")]}, {"route": [to("blue")]}))
    assert clusters(hosts(configuration)["*"]) == [GREEN, GREEN, BLUE]


def test_a_subset_that_no_rule_has_is_named_all_the_same() -> None:
    configuration = configure(virtual_service())
    assert BLUE not in configuration.clusters
    assert clusters(hosts(configuration)["*"]) == [BLUE]
    assert configuration.routes["gateway"]["validate_clusters"] is False


def test_what_follows_a_catch_all_is_never_reached() -> None:
    configuration = configure(virtual_service({"route": [to("blue")]}, {"route": [to("green")]}))
    assert clusters(hosts(configuration)["*"]) == [BLUE]


@pytest.mark.parametrize(
    "names", [["gw"], ["shop/gw"], ["mesh", "gw"]], ids=["bare", "with namespace", "with mesh"]
)
def test_a_virtual_service_is_bound_to_a_gateway_by_name(names: list[str]) -> None:
    assert "*" in hosts(configure(virtual_service(gateways=names)))


@pytest.mark.parametrize("names", [[], ["mesh"], ["other"], ["other/gw"]])
def test_a_virtual_service_that_is_bound_to_no_gateway_of_ours_is_not_served(names: list[str]) -> None:
    assert hosts(configure(virtual_service(gateways=names))) == {}


@pytest.mark.parametrize(
    ("selector", "is_ours"),
    [
        ({"istio": "ingressgateway"}, True),
        ({"istio": "ingressgateway", "app": "istio-ingressgateway"}, True),
        ({}, True),
        ({"istio": "egressgateway"}, False),
        ({"istio": "ingressgateway", "tier": "internal"}, False),
    ],
)
def test_a_gateway_is_ours_by_its_selector(selector: Object, is_ours: bool) -> None:  # noqa: FBT001  a table
    configuration = configure(virtual_service(), gateways=[gateway(selector=selector)])
    assert ("*" in hosts(configuration)) is is_ours


@pytest.mark.parametrize(
    ("of_gateway", "of_service", "served"),
    [
        (["*"], ["*"], ["*"]),
        (["*"], ["shop.example"], ["shop.example"]),
        (["shop.example"], ["*"], ["shop.example"]),
        (["*.example"], ["shop.example", "shop.test"], ["shop.example"]),
        (["shop.example"], ["other.example"], []),
        (["*"], ["*.example"], ["*.example"]),
        (["shop/*"], ["a.example"], ["a.example"]),
        (["./*"], ["a.example"], ["a.example"]),
        (["*/*"], ["a.example"], ["a.example"]),
        (["other/*"], ["a.example"], []),
        (["*"], ["myapp"], ["myapp.shop.svc.cluster.local"]),
    ],
)
def test_hosts_are_those_that_gateway_and_virtual_service_share(
    of_gateway: list[str], of_service: list[str], served: list[str]
) -> None:
    configuration = configure(
        virtual_service(hosts=of_service), gateways=[gateway(servers=[server(*of_gateway)])]
    )
    assert sorted(hosts(configuration)) == served


def test_two_virtual_services_of_one_host_are_merged_oldest_first_with_catch_alls_last() -> None:
    configuration = configure(
        virtual_service({"match": [{"uri": {"prefix": "/b"}}], "route": [to("b")]}, name="b", created="2"),
        virtual_service({"route": [to("all")]}, name="z", created="0"),
        virtual_service({"match": [{"uri": {"prefix": "/a"}}], "route": [to("a")]}, name="a", created="1"),
    )
    assert [name.split("|")[2] for name in clusters(hosts(configuration)["*"])] == ["a", "b", "all"]


def test_a_virtual_service_on_two_gateways_is_served_once_a_host() -> None:
    configuration = configure(
        virtual_service(gateways=["gw", "second"]), gateways=[gateway(), gateway(name="second")]
    )
    assert clusters(hosts(configuration)["*"]) == [BLUE]


def test_a_match_for_another_gateway_is_left_out() -> None:
    http = {"match": [{"gateways": ["mesh"]}, {"gateways": ["gw"]}], "route": [to("blue")]}
    assert clusters(hosts(configure(virtual_service(http)))["*"]) == [BLUE]
    elsewhere = {"match": [{"gateways": ["mesh"]}], "route": [to("blue")]}
    assert hosts(configure(virtual_service(elsewhere)))["*"] == []


@pytest.mark.parametrize(
    ("destination", "services", "cluster"),
    [
        ({"host": "myapp"}, [8080], "outbound|8080||myapp.shop.svc.cluster.local"),
        ({"host": "myapp"}, [8080, 9090], "outbound|80||myapp.shop.svc.cluster.local"),
        ({"host": "myapp", "port": {"number": 9090}}, [8080], "outbound|9090||myapp.shop.svc.cluster.local"),
        ({"host": "other"}, [8080], "outbound|80||other.shop.svc.cluster.local"),
        ({"host": "myapp.other.svc.cluster.local"}, [80], "outbound|80||myapp.other.svc.cluster.local"),
    ],
)
def test_a_destination_without_port_means_the_services_only_one(
    destination: Object, services: list[int], cluster: str
) -> None:
    configuration = configure(
        virtual_service({"route": [{"destination": destination}]}), services=[service(*services)]
    )
    assert clusters(hosts(configuration)["*"]) == [cluster]


def test_several_destinations_share_by_weight_and_zero_gets_nothing() -> None:
    route = only_route({"route": [to("blue", weight=90), to("green", weight=10), to("red", weight=0)]})
    shares = [(each["name"], each["weight"]) for each in route["route"]["weighted_clusters"]["clusters"]]
    assert shares == [(BLUE, 90), (GREEN, 10)]


def test_headers_of_a_destination_are_its_own() -> None:
    change = {"response": {"set": {"x-color": "blue"}}}
    (cluster,) = only_route({"route": [to("blue", headers=change)]})["route"]["weighted_clusters"]["clusters"]
    assert cluster["weight"] == 100
    assert cluster["response_headers_to_add"][0]["header"] == {"key": "x-color", "value": "blue"}


@pytest.mark.parametrize(
    ("retries", "policy"),
    [
        ({"attempts": 0}, {}),
        (
            {"attempts": 3, "perTryTimeout": "500ms", "retryOn": "5xx,reset"},
            {"num_retries": 3, "per_try_timeout": "0.5s", "retry_on": "5xx,reset"},
        ),
        (
            {"attempts": 1, "retryOn": "gateway-error,429", "backoff": "10ms"},
            {
                "num_retries": 1,
                "retry_on": "gateway-error,retriable-status-codes",
                "retriable_status_codes": [429],
                "retry_back_off": {"base_interval": "0.01s"},
            },
        ),
    ],
)
def test_retries_are_translated(retries: Object, policy: Object) -> None:
    found = only_route({"route": [to("blue")], "retries": retries})["route"].get("retry_policy", {})
    general = ("host_selection_retry_max_attempts", "retry_host_predicate")
    assert {key: value for key, value in found.items() if key not in general} == policy


@pytest.mark.parametrize(
    ("rewrite", "match", "translated"),
    [
        ({"uri": "/new"}, {"uri": {"prefix": "/old"}}, {"prefix_rewrite": "/new"}),
        ({"uri": "/new"}, {"uri": {"exact": "/old"}}, {"prefix_rewrite": "/new"}),
        (
            {"uri": "/new"},
            {"uri": {"regex": "/o.*"}},
            {"regex_rewrite": {"pattern": {"regex": "[^?]*"}, "substitution": "/new"}},
        ),
        ({"authority": "inner"}, {"uri": {"prefix": "/"}}, {"host_rewrite_literal": "inner"}),
        (
            {"uriRegexRewrite": {"match": "/a/(.*)", "rewrite": r"/\1"}},
            {"uri": {"prefix": "/"}},
            {"regex_rewrite": {"pattern": {"regex": "/a/(.*)"}, "substitution": r"/\1"}},
        ),
    ],
)
def test_rewrites_are_translated(rewrite: Object, match: Object, translated: Object) -> None:
    route = only_route({"match": [match], "route": [to("blue")], "rewrite": rewrite})["route"]
    assert translated.items() <= route.items()


@pytest.mark.parametrize(
    ("entry", "translated"),
    [
        (
            {"redirect": {"uri": "/v2", "authority": "b.example", "redirectCode": 308}},
            {
                "redirect": {
                    "path_redirect": "/v2",
                    "host_redirect": "b.example",
                    "response_code": "PERMANENT_REDIRECT",
                }
            },
        ),
        (
            {"directResponse": {"status": 503, "body": {"string": "closed"}}},
            {"direct_response": {"status": 503, "body": {"inline_string": "closed"}}},
        ),
        ({"directResponse": {"status": 204}}, {"direct_response": {"status": 204}}),
        (
            {"directResponse": {"status": 200, "body": {"bytes": "b2s="}}},
            {"direct_response": {"status": 200, "body": {"inline_bytes": "b2s="}}},
        ),
    ],
)
def test_entries_without_a_destination_are_translated(entry: Object, translated: Object) -> None:
    assert only_route(entry) == {"match": {"prefix": "/"}, **translated}


def test_faults_are_settings_of_a_filter() -> None:
    fault = {
        "abort": {"httpStatus": 500, "percentage": {"value": 50}},
        "delay": {"fixedDelay": "2s", "percentage": {"value": 100}},
    }
    settings = only_route({"route": [to("blue")], "fault": fault})["typed_per_filter_config"]
    found = settings["envoy.filters.http.fault"]
    assert found["abort"] == {
        "http_status": 500,
        "percentage": {"numerator": 500_000, "denominator": "MILLION"},
    }
    assert found["delay"]["fixed_delay"] == "2s"


def test_cors_is_settings_of_a_filter() -> None:
    policy = {
        "allowOrigins": [{"exact": "https://a.example"}, {"regex": "https://.*"}],
        "allowMethods": ["GET", "POST"],
        "maxAge": "24h",
        "allowCredentials": True,
    }
    settings = only_route({"route": [to("blue")], "corsPolicy": policy})["typed_per_filter_config"]
    found = settings["envoy.filters.http.cors"]
    assert found["allow_origin_string_match"][0] == {"exact": "https://a.example"}
    assert (found["allow_methods"], found["max_age"], found["allow_credentials"]) == (
        "GET,POST",
        "86400",
        True,
    )


def test_headers_are_set_added_and_removed_and_host_is_rewritten() -> None:
    headers = {
        "request": {"set": {"x-a": "1", "Host": "inner"}, "add": {"x-b": "100%"}, "remove": ["x-c"]},
        "response": {"remove": ["server"]},
    }
    route = only_route({"route": [to("blue")], "headers": headers})
    assert route["request_headers_to_add"] == [
        {"header": {"key": "x-a", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
        {"header": {"key": "x-b", "value": "100%%"}, "append_action": "APPEND_IF_EXISTS_OR_ADD"},
    ]
    assert route["request_headers_to_remove"] == ["x-c"]
    assert route["response_headers_to_remove"] == ["server"]
    assert route["route"]["host_rewrite_literal"] == "inner"


def test_mirrors_get_a_copy() -> None:
    mirror = {"mirror": {"host": "myapp", "subset": "green"}, "mirrorPercentage": {"value": 10}}
    (policy,) = only_route({"route": [to("blue")], **mirror})["route"]["request_mirror_policies"]
    assert policy["cluster"] == GREEN
    assert policy["runtime_fraction"]["default_value"]["numerator"] == 100_000


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"delegate": {"name": "other"}}, "spec.http[0].delegate"),
        ({"match": [{"sourceLabels": {"a": "b"}}], "route": [to("green")]}, "match[0].sourceLabels"),
        ({"match": [{"uri": {"regex": "(?=a)"}}], "route": [to("green")]}, "RE2 has neither lookaround"),
        ({"match": [{"uri": {"exact": "/"}}], "route": []}, "no destination"),
        ({"route": [to("green")], "timeout": "soon"}, "timeout"),
        ({"route": [to("green", weight=0), to("blue", weight=0)]}, "all weights are 0"),
        ({"redirect": {"redirectCode": 200}}, "redirectCode"),
        ({"route": [to("green")], "mirrorPercent": 5}, "mirrorPercent"),
    ],
)
def test_an_entry_that_cannot_be_played_is_left_out_and_reported(entry: Object, reason: str) -> None:
    configuration = configure(virtual_service(entry, {"route": [to("blue")]}))
    assert clusters(hosts(configuration)["*"]) == [BLUE]
    (line,) = configuration.ignored
    assert line.startswith("VirtualService shop/myapp: spec.http[0] as a whole is ignored: ")
    assert reason in line


def test_fields_without_a_counterpart_are_reported() -> None:
    configuration = configure(
        virtual_service({"route": [to("blue")], "somethingNew": 1}, tls=[{}]),
        gateways=[gateway(servers=[server("*"), server("*", protocol="HTTPS", tls={}, number=443)])],
    )
    assert [line.split(" is ignored")[0] for line in configuration.ignored] == [
        "Gateway shop/gw: spec.servers[1]",
        "VirtualService shop/myapp: spec.tls",
        "VirtualService shop/myapp: spec.http[0].somethingNew",
    ]


def test_the_port_in_a_host_header_is_no_part_of_the_host() -> None:
    assert configure().routes["gateway"]["ignore_port_in_host_matching"] is True


def test_the_listener_stands_without_any_object_and_shares_its_port_with_nobody() -> None:
    configuration = translate([], [], [], [], [], port=8081)
    listener = configuration.listeners["gateway"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 8081}
    assert listener["enable_reuse_port"] is False
    assert hosts(configuration) == {}
