"""Fault injection and CORS of a VirtualService's http entry, as Envoy's filter settings of a route. Pure."""

from sandbox.gateway.terms import Report, duration, percentage, string_match
from sandbox.store import Object

FAULT = "envoy.filters.http.fault"
CORS = "envoy.filters.http.cors"


def translate_filters(entry: Object, place: str, report: Report) -> Object:
    """The route's `typed_per_filter_config`, empty when the entry asks for neither."""
    filters: Object = {}
    if "fault" in entry:
        filters[FAULT] = _fault(entry["fault"], f"{place}.fault", report)
    if "corsPolicy" in entry:
        filters[CORS] = _cors(entry["corsPolicy"], f"{place}.corsPolicy", report)
    return filters


def _fault(fault: Object, place: str, report: Report) -> Object:
    report.ignore_unknown(place, fault, ("abort", "delay"))
    translated: Object = {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"}
    abort = fault.get("abort", {})
    report.ignore_unknown(f"{place}.abort", abort, ("httpStatus", "percentage"))
    if "httpStatus" in abort:
        share = percentage(abort.get("percentage"))
        translated["abort"] = {"http_status": abort["httpStatus"], "percentage": share}
    delay = fault.get("delay", {})
    report.ignore_unknown(f"{place}.delay", delay, ("fixedDelay", "percentage"))
    if "fixedDelay" in delay:
        length = duration(delay["fixedDelay"], place=f"{place}.delay.fixedDelay")
        translated["delay"] = {"fixed_delay": length, "percentage": percentage(delay.get("percentage"))}
    return translated


def _cors(policy: Object, place: str, report: Report) -> Object:
    known = ("allowOrigins", "allowMethods", "allowHeaders", "exposeHeaders", "maxAge", "allowCredentials")
    report.ignore_unknown(place, policy, known)
    translated: Object = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [
            string_match(origin, place=f"{place}.allowOrigins") for origin in policy.get("allowOrigins", [])
        ],
    }
    for ours, theirs in (
        ("allowMethods", "allow_methods"),
        ("allowHeaders", "allow_headers"),
        ("exposeHeaders", "expose_headers"),
    ):
        if policy.get(ours):
            translated[theirs] = ",".join(policy[ours])
    if "maxAge" in policy:
        seconds = duration(policy["maxAge"], place=f"{place}.maxAge").removesuffix("s")
        translated["max_age"] = seconds.partition(".")[0]
    if "allowCredentials" in policy:
        translated["allow_credentials"] = policy["allowCredentials"]
    return translated
