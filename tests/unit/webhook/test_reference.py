from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import pytest

from webhook.api_description import OF_ALL, OF_BODIES, OF_CALLERS, REFUSALS
from webhook.openapi import PREFIX
from webhook.reference_view import look_at_document

if TYPE_CHECKING:
    from tests.unit.webhook.fakes import Web


def test_the_page_needs_no_sign_in_and_no_script(web: Web) -> None:
    answer = web.client.get("/api")

    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert "<script" not in answer.text


def test_the_page_travels_compressed_where_that_is_understood(web: Web) -> None:
    plain = web.client.get("/api")
    packed = web.client.get("/api", headers={"Accept-Encoding": "gzip"})

    assert (plain.content_encoding, packed.content_encoding) == (None, "gzip")
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < 20_000
    assert "Accept-Encoding" in packed.vary


def test_the_page_shows_every_operation_and_every_problem(web: Web) -> None:
    page, document = web.client.get("/api").text, web.client.get(f"{PREFIX}/openapi.json").json
    assert document is not None

    for path, methods in document["paths"].items():
        assert f"<code>{path}</code>" in page
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page
    named = {slug for slug in REFUSALS if f"<code>{slug}</code>" in page}
    assert named >= {*OF_ALL, *OF_CALLERS, *OF_BODIES, "nothing-ready", "unknown-job"}


def test_every_link_within_the_page_leads_somewhere(web: Web) -> None:
    page = web.client.get("/api").text

    targets, places = set(re.findall(r'href="#([^"]+)"', page)), re.findall(r'id="([^"]+)"', page)

    assert targets - set(places) == set()
    assert len(places) == len(set(places))


def test_each_call_has_an_example_to_copy(web: Web) -> None:
    page = web.client.get("/api").text

    assert "curl -X POST -H &#34;Authorization: Bearer $(cat token)&#34;" in page
    assert "&#34;tag&#34;: &#34;v2.0-blue&#34;" in page
    assert "&#34;$VERDIGRIS_SERVER/api/v1/apps/shop/deploy&#34;" in page


def test_fields_are_told_in_words(web: Web) -> None:
    reference = look_at_document(web.client.get(f"{PREFIX}/openapi.json").json or {})

    operations = {one.name: one for group in reference.groups for one in group.operations}
    limit = operations["list_releases"].parameters[-1]
    assert limit.limits == "at least 1; at most 200; 50 where it is left out"
    schemas = {one.name: {field.name: field for field in one.fields} for one in reference.schemas}
    assert schemas["Job"]["stages"].kind.words == "list of StageOfJob"
    assert schemas["Job"]["problem"].kind.words == "Problem or null"
    assert schemas["Job"]["started_at"].kind.words == "time or null"


@pytest.mark.parametrize("path", ["/", "/api", "/login"])
def test_every_page_leads_to_it(open_web: Web, path: str) -> None:
    assert '<a href="/api">HTTP API</a>' in open_web.client.get(path).text
