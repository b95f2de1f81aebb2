from __future__ import annotations

import ast
import inspect
import re
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from release.tag import find_color, find_refusal
from tests.unit.webhook.fakes import TOKEN, Web, make_release
from webhook.api_bodies import DeployBody
from webhook.api_description import REFUSALS, find_description
from webhook.openapi import PREFIX, TAGS, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from werkzeug.routing import Rule

BEARER = {"Authorization": f"Bearer {TOKEN}"}
ROOT = Path(__file__).parents[3]
WHAT_TO_DO = "put @describe(…) of webhook.api_description under its route"


def document_of(web: Web) -> dict[str, Any]:
    answer = web.client.get(f"{PREFIX}/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json or {})


def operations_of(web: Web) -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for methods in document_of(web)["paths"].values()
        for operation in methods.values()
    }


def routes_of(web: Web) -> Iterator[tuple[Rule, str]]:
    for rule in web.app.url_map.iter_rules():
        if rule.rule.startswith(f"{PREFIX}/"):
            yield from ((rule, method) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


def test_the_document_is_one(web: Web) -> None:
    document = document_of(web)

    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "http://127.0.0.1:8000"}]


def test_every_route_is_in_it(web: Web) -> None:
    paths = document_of(web)["paths"]

    missing = [
        f"{method} {rule.rule}: {WHAT_TO_DO}"
        for rule, method in routes_of(web)
        if method.lower() not in paths.get(path_of(rule), {})
    ]

    assert missing == []
    assert len(list(routes_of(web))) == sum(len(methods) for methods in paths.values())


def test_every_operation_has_a_name_a_tag_words_and_who_may(web: Web) -> None:
    operations = [one for methods in document_of(web)["paths"].values() for one in methods.values()]

    assert len({one["operationId"] for one in operations}) == len(operations)
    for one in operations:
        assert set(one["tags"]) < set(TAGS), one["operationId"]
        assert one["summary"]
        assert "``" not in one["description"]
        assert one["security"] == ([] if one["operationId"] == "show_openapi" else [{"token": []}])


def test_parameters_tell_their_limits(web: Web) -> None:
    operations = operations_of(web)

    app, state, *_, limit = operations["list_releases"]["parameters"]
    assert "schemas/State'" in str(state["schema"])
    assert (app["name"], app["required"], "default" in app["schema"]) == ("app", False, False)
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert operations["show_job"]["parameters"][0]["schema"]["pattern"] == "^[0-9A-Za-z]{1,64}$"


def test_each_refusal_has_its_name_status_and_form(web: Web) -> None:
    responses = operations_of(web)["promote"]["responses"]

    assert [int(one) for one in responses] == [
        200,
        202,
        400,
        401,
        403,
        404,
        409,
        413,
        415,
        422,
        429,
        500,
        503,
    ]
    content = responses["409"]["content"]["application/problem+json"]["schema"]
    assert "https://verdigris.dev/problems/nothing-ready" in content["allOf"][1]["properties"]["type"]["enum"]
    assert set(responses["503"]["headers"]) == {"Retry-After"}
    assert set(responses["202"]["headers"]) == {"Location"}


def test_the_document_needs_no_token_and_takes_no_parameters(web: Web) -> None:
    assert web.client.get(f"{PREFIX}/openapi.json").status_code == 200
    assert web.client.get(f"{PREFIX}/openapi.json?pretty=1").status_code == 400


def test_it_tells_nothing_of_this_copy_but_its_address(web: Web) -> None:
    text = web.client.get(f"{PREFIX}/openapi.json").text + web.client.get("/api").text

    assert not [name for name in ("forum", "Codertocat", "registry.example") if name in text]


@pytest.mark.parametrize(
    "query", ["?release=R9", "?reason=because", "?x", "?limit=1&limit=2", "?limit=1&limt=2"]
)
def test_a_parameter_that_is_unknown_or_there_twice_is_refused(web: Web, query: str) -> None:
    # Given something to promote, so that only the query speaks against it
    web.store.found = [make_release("R9")]
    # When it is asked with a parameter that would be passed over
    path = "/releases" if "limit" in query else "/apps/shop/promote"
    answer = web.client.open(
        f"{PREFIX}{path}{query}", method="GET" if "limit" in query else "POST", headers=BEARER
    )
    # Then nothing is done
    assert answer.status_code == 400
    assert answer.get_json(force=True)["type"].endswith("/bad-parameter")
    assert not web.requests.asked


def test_an_answer_that_differs_fails_the_test_that_asked(web: Web) -> None:
    # Given a release with a warning that is no text
    numbers: Any = (7,)
    web.store.found = [make_release("R1", warnings=numbers)]
    # When it is asked for, the check of every answer tells
    with pytest.raises(pytest.fail.Exception, match="warnings"):
        web.client.get(f"{PREFIX}/releases/R1", headers=BEARER)


@pytest.mark.parametrize(
    "tag",
    [
        *("v2.0-blue", "v-green", "v" + "1" * 57 + "-blue", "v" + "1" * 58 + "-blue", "v2.0", "v2.0-blue\n"),
        *("2.0-blue", "v/2-blue", "v2-blue-", "v2 -green", "vé-blue"),
    ],
)
def test_the_form_of_a_tag_is_that_of_the_core(tag: str) -> None:
    schema = DeployBody.model_json_schema()["properties"]["tag"]

    is_documented = bool(re.fullmatch(schema["pattern"].strip("^$"), tag)) and len(tag) <= schema["maxLength"]

    assert is_documented == (find_color(tag) is not None and find_refusal(tag) is None)


def read_in(view: Callable[..., Any]) -> set[str]:
    """The models that a handler reads, by itself or by functions of its module."""
    tree = ast.parse(Path(inspect.getfile(view)).read_text(encoding="utf-8"))
    functions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    open_, seen, found = {view.__name__}, set[str](), set[str]()
    while open_ - seen:
        name = (open_ - seen).pop()
        seen.add(name)
        for call in ast.walk(functions[name]):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                open_ |= {call.func.id} & set(functions)
                if call.func.id in {"validate", "read_query"} and isinstance(call.args[0], ast.Name):
                    found.add(call.args[0].id)
    return found


def test_what_a_handler_reads_is_what_is_said_of_it(web: Web) -> None:
    for rule, _ in routes_of(web):
        view = inspect.unwrap(web.app.view_functions[rule.endpoint])
        said = find_description(view)
        assert said, WHAT_TO_DO
        named = {one.__name__ for one in (said.body, said.query) if one}
        assert read_in(view) | {"NoQuery"} == named | {"NoQuery"}, view.__name__


def problems_in_source() -> Iterator[tuple[str, int]]:
    """Each problem of the code with a status that stands there as a number or a name, else 409."""
    for folder in ("release", "webhook"):
        for file in (ROOT / folder).glob("*.py"):
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Problem":
                    yield from ((slug, status_of(call)) for slug in texts_in(call))


def texts_in(call: ast.Call) -> Iterator[str]:
    """The slug, where it stands there as it is."""
    if call.args and isinstance(call.args[0], ast.Constant):
        yield str(call.args[0].value)


def status_of(call: ast.Call) -> int:
    [given] = [one.value for one in call.keywords if one.arg == "status"] or [ast.Constant(409)]
    return int(given.value) if isinstance(given, ast.Constant) else HTTPStatus[given.attr].value  # type: ignore[attr-defined,arg-type]


def test_every_refusal_named_has_the_status_that_the_code_gives_it() -> None:
    statuses = dict(problems_in_source())

    assert {slug: one.status for slug, one in REFUSALS.items()} == {
        slug: statuses.get(slug) for slug in REFUSALS
    }
