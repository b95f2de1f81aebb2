"""What a VirtualService's http entry does with a request, as Envoy's route actions. Pure.

A destination is named, never looked up: a route to a subset that no DestinationRule has names a cluster that
is not there, and Envoy answers 503, as it does behind Istio.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandbox.gateway.terms import (
    Report,
    TranslationError,
    cluster_name,
    duration,
    full_host,
    percentage,
    regex,
)
from sandbox.store import Object

_REDIRECT_CODES = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}
DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,503"


@dataclass(frozen=True)
class Scope:
    """Where an http entry stands: names are read relative to it."""

    namespace: str
    gateway: str
    gateway_port: int
    service_ports: Mapping[str, tuple[int, ...]]


def translate_action(entry: Object, match: Object, place: str, scope: Scope, report: Report) -> Object:
    """The part of an Envoy route that says what happens: `redirect`, `direct_response` or `route`.

    Raises:
        TranslationError: the entry has none of the three, or one that can't be played.
    """
    if "redirect" in entry:
        return {"redirect": _redirect(entry["redirect"], f"{place}.redirect", report)}
    if "directResponse" in entry:
        return {"direct_response": _direct_response(entry["directResponse"], f"{place}.directResponse")}
    if not entry.get("route"):
        raise TranslationError(f"{place}.route", "the entry has no destination")
    return {"route": _route(entry, match, place, scope, report)}


def _route(entry: Object, match: Object, place: str, scope: Scope, report: Report) -> Object:
    """The forwarding. Istio's routes have no timeout unless they name one; Envoy's default would be 15 s."""
    action = _destinations(entry["route"], f"{place}.route", scope, report)
    action["timeout"] = duration(entry.get("timeout", "0s"), place=f"{place}.timeout")
    retries = _retries(entry.get("retries"), f"{place}.retries", report)
    if retries:
        action["retry_policy"] = retries
    action |= _rewrite(entry.get("rewrite", {}), match, f"{place}.rewrite", report)
    host = entry.get("headers", {}).get("request", {}).get("set", {})
    for name in [name for name in host if name.lower() in {"host", ":authority"}]:
        action["host_rewrite_literal"] = host[name]
    mirrors = _mirrors(entry, place, scope)
    if mirrors:
        action["request_mirror_policies"] = mirrors
    return action


def _destinations(routes: Sequence[Object], place: str, scope: Scope, report: Report) -> Object:
    """One cluster, or several by weight. A destination of weight 0 beside others gets nothing."""
    for number, route in enumerate(routes):
        report.ignore_unknown(f"{place}[{number}]", route, ("destination", "weight", "headers"))
    if len(routes) == 1 and "headers" not in routes[0]:
        return {"cluster": _cluster(routes[0]["destination"], scope)}
    weights = [route.get("weight", 100 if len(routes) == 1 else 0) for route in routes]
    if not sum(weights):
        raise TranslationError(place, "all weights are 0")
    clusters = [
        {
            "name": _cluster(route["destination"], scope),
            "weight": weight,
            **header_changes(route.get("headers", {}), f"{place}.headers", report),
        }
        for route, weight in zip(routes, weights, strict=True)
        if weight
    ]
    return {"weighted_clusters": {"clusters": clusters}}


def _cluster(destination: Object, scope: Scope) -> str:
    """The cluster of a destination. Without a port: the Service's only one, else the gateway's own number."""
    host = full_host(destination["host"], scope.namespace)
    ports = scope.service_ports.get(host, ())
    default = ports[0] if len(ports) == 1 else scope.gateway_port
    port = destination.get("port", {}).get("number", default)
    return cluster_name(host, port, destination.get("subset", ""))


def _retries(retries: Object | None, place: str, report: Report) -> Object:
    """Istio retries twice unless told otherwise; `attempts: 0` means never."""
    wanted: Object = {"attempts": 2} if retries is None else retries
    report.ignore_unknown(place, wanted, ("attempts", "perTryTimeout", "retryOn", "backoff"))
    if not wanted.get("attempts"):
        return {}
    causes = [cause.strip() for cause in (wanted.get("retryOn") or DEFAULT_RETRY_ON).split(",")]
    codes = [int(cause) for cause in causes if cause.isdecimal()]
    names = [cause for cause in causes if not cause.isdecimal()]
    policy: Object = {
        "retry_on": ",".join([*names, "retriable-status-codes"] if codes else names),
        "num_retries": wanted["attempts"],
        "host_selection_retry_max_attempts": "5",
        "retry_host_predicate": [_OTHER_HOSTS],
    }
    if codes:
        policy["retriable_status_codes"] = codes
    if "perTryTimeout" in wanted:
        policy["per_try_timeout"] = duration(wanted["perTryTimeout"], place=f"{place}.perTryTimeout")
    if "backoff" in wanted:
        policy["retry_back_off"] = {
            "base_interval": duration(wanted["backoff"], place=f"{place}.backoff"),
        }
    return policy


_OTHER_HOSTS = {
    "name": "envoy.retry_host_predicates.previous_hosts",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    },
}


def _rewrite(rewrite: Object, match: Object, place: str, report: Report) -> Object:
    report.ignore_unknown(place, rewrite, ("uri", "authority", "uriRegexRewrite"))
    changes: Object = {}
    if "authority" in rewrite:
        changes["host_rewrite_literal"] = rewrite["authority"]
    if "uriRegexRewrite" in rewrite:
        pattern = rewrite["uriRegexRewrite"]
        changes["regex_rewrite"] = {
            "pattern": regex(pattern.get("match", ""), place=f"{place}.uriRegexRewrite.match")["safe_regex"],
            "substitution": pattern.get("rewrite", ""),
        }
    elif "uri" in rewrite and "safe_regex" in match:
        whole_path = {"regex": "[^?]*"}
        changes["regex_rewrite"] = {"pattern": whole_path, "substitution": rewrite["uri"]}
    elif "uri" in rewrite:
        changes["prefix_rewrite"] = rewrite["uri"]
    return changes


def _mirrors(entry: Object, place: str, scope: Scope) -> list[Object]:
    """Copies of requests, whose answers nobody sees."""
    single = {"destination": entry.get("mirror"), "percentage": entry.get("mirrorPercentage")}
    mirrors = [*entry.get("mirrors", []), *([single] if single["destination"] else [])]
    if "mirrorPercent" in entry:
        raise TranslationError(f"{place}.mirrorPercent", "use mirrorPercentage")
    return [
        {
            "cluster": _cluster(mirror["destination"], scope),
            "runtime_fraction": {"default_value": percentage(mirror.get("percentage"))},
        }
        for mirror in mirrors
    ]


def _redirect(redirect: Object, place: str, report: Report) -> Object:
    report.ignore_unknown(place, redirect, ("uri", "authority", "port", "scheme", "redirectCode"))
    code = redirect.get("redirectCode", 301)
    if code not in _REDIRECT_CODES:
        raise TranslationError(f"{place}.redirectCode", f"{code} is none of {sorted(_REDIRECT_CODES)}")
    fields = {
        "path_redirect": redirect.get("uri"),
        "host_redirect": redirect.get("authority"),
        "port_redirect": redirect.get("port"),
        "scheme_redirect": redirect.get("scheme"),
        "response_code": _REDIRECT_CODES[code],
    }
    return {name: value for name, value in fields.items() if value}


def _direct_response(response: Object, place: str) -> Object:
    body = response.get("body", {})
    if set(body) - {"string", "bytes"}:
        raise TranslationError(f"{place}.body", "neither string nor bytes")
    translated: Object = {"status": response["status"]}
    if "string" in body:
        translated["body"] = {"inline_string": body["string"]}
    elif "bytes" in body:
        translated["body"] = {"inline_bytes": body["bytes"]}
    return translated


def header_changes(headers: Object, place: str, report: Report) -> Object:
    """Headers that are set, added or removed on the way in and out, as fields of a route or a cluster."""
    report.ignore_unknown(place, headers, ("request", "response"))
    changes: Object = {}
    for side in ("request", "response"):
        operations = headers.get(side, {})
        report.ignore_unknown(f"{place}.{side}", operations, ("set", "add", "remove"))
        added = [
            _added(name, value, action)
            for operation, action in (
                ("set", "OVERWRITE_IF_EXISTS_OR_ADD"),
                ("add", "APPEND_IF_EXISTS_OR_ADD"),
            )
            for name, value in operations.get(operation, {}).items()
            if _is_changeable(name, f"{place}.{side}.{operation}", report)
        ]
        if added:
            changes[f"{side}_headers_to_add"] = added
        removed = [name for name in operations.get("remove", []) if _is_changeable(name, place, report)]
        if removed:
            changes[f"{side}_headers_to_remove"] = removed
    return changes


def _added(name: str, value: str, action: str) -> Object:
    """Envoy expands `%…%` in values; a sign that belongs to no such pair is doubled to stand for itself."""
    safe = value if value.count("%") % 2 == 0 else value.replace("%", "%%")
    return {"header": {"key": name, "value": safe}, "append_action": action}


def _is_changeable(name: str, place: str, report: Report) -> bool:
    """Envoy refuses changes of Host and of pseudo headers; setting Host is a rewrite, done by the route."""
    if name.lower() == "host" or name.startswith(":"):
        if not place.endswith("request.set"):
            report.ignore(f"{place}.{name}", "Envoy allows no change of it here")
        return False
    return True
