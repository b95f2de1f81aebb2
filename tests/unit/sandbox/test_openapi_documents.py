"""The OpenAPI documents: as large as a real server's, whole, and of one mind with what the sandbox checks."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from sandbox.api.openapi.documents import find_document, find_hash, find_index, list_documents, make_document
from sandbox.api.openapi.gnostic import encode_swagger
from sandbox.api.openapi.istio import load_customs
from sandbox.api.openapi.plain import GVK, make_plain
from sandbox.api.openapi.swagger import find_compressed, find_protobuf, make_swagger
from sandbox.api.resources import RESOURCES, Resource
from sandbox.store import Object

RECORDING = Path(__file__).parents[2] / "data" / "kubectl.jsonl"  # by kubectl 1.32, from Kubernetes v1.36
SCHEMAS = "#/components/schemas/"
MERGING = (
    "type",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-strategy",
    "x-kubernetes-patch-merge-key",
)
SERVED = [(resource, version) for resource in RESOURCES for version in resource.versions]


def _recorded() -> Iterator[tuple[str, int]]:
    for line in RECORDING.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        path = entry["request"]["path"].partition("?")[0]
        if path.startswith("/openapi/"):
            yield path.removeprefix("/openapi/"), entry["response"]["bytes"]


@cache
def _read(name: str) -> Object:
    return make_document(name)


def _name(resource: Resource, version: str) -> str:
    return f"apis/{resource.group}/{version}" if resource.group else f"api/{version}"


def _size(path: str) -> int:
    if path in {"v2", "v3"}:
        return len(find_protobuf() if path == "v2" else find_index())
    return len(find_document(path.removeprefix("v3/")) or b"")


def _texts_after(text: str, mark: str) -> set[str]:
    return {part.split('"')[0] for part in text.split(mark)[1:]}


@pytest.mark.parametrize(("path", "recorded"), sorted(set(_recorded())))
def test_a_document_is_about_as_large_as_a_real_one(path: str, recorded: int) -> None:
    assert 0.9 * recorded < _size(path) < 1.1 * recorded


def test_every_reference_of_every_document_resolves() -> None:
    for name in list_documents():
        document = _read(name)
        assert _texts_after(json.dumps(document), SCHEMAS) <= document["components"]["schemas"].keys(), name


def test_every_reference_of_the_document_of_version_2_resolves() -> None:
    swagger = make_swagger()

    text = json.dumps(swagger)

    assert _texts_after(text, "#/definitions/") <= swagger["definitions"].keys()
    assert _texts_after(text, "#/parameters/") == swagger["parameters"].keys()
    assert SCHEMAS not in text


@pytest.mark.parametrize(("resource", "version"), SERVED, ids=lambda of: getattr(of, "plural", of))
def test_what_is_served_is_described_once_with_its_patch(resource: Resource, version: str) -> None:
    document = _read(_name(resource, version))
    kind = {"group": resource.group, "kind": resource.kind, "version": version}

    described = [s for s in document["components"]["schemas"].values() if kind in s.get(GVK, ())]
    patches = [item["patch"] for item in document["paths"].values() if "patch" in item]

    assert len(described) == 1
    taken = [{p["name"] for p in patch["parameters"]} for patch in patches if patch[GVK] == kind]
    assert bool(taken) is resource.stored
    assert all({"dryRun", "fieldManager", "fieldValidation", "force"} <= names for names in taken)


@pytest.mark.parametrize(
    ("resource", "version"),
    [(r, v) for r, v in SERVED if not r.custom],
    ids=lambda of: getattr(of, "plural", of),
)
def test_fields_merge_in_the_document_as_they_do_in_the_server(resource: Resource, version: str) -> None:
    ours = make_plain(resource.group, version)["components"]["schemas"]
    schemas = _read(_name(resource, version))["components"]["schemas"]
    kind = {"group": resource.group, "kind": resource.kind, "version": version}
    described = next(schema for schema in schemas.values() if kind in schema.get(GVK, ()))

    _check_alike(resource.kind, (ours[resource.kind], ours), (described, schemas), set())


def _check_alike(path: str, ours: tuple[Object, Object], told: tuple[Object, Object], done: set[str]) -> None:
    """What the sandbox's own type says of merging is said in the document; `any` says nothing."""
    (one, schemas), (other, definitions) = ours, told
    one, other = one | _resolve(one, schemas), other | _resolve(other, definitions)
    for word in MERGING:
        assert word not in one or one[word] == other.get(word), f"{path}: {word}"
    for name, schema in one.get("properties", {}).items():
        if "x-kubernetes-int-or-string" in schema or f"{name}{schema}" in done:
            continue
        done.add(f"{name}{schema}")
        assert name in other["properties"], path
        _check_alike(f"{path}.{name}", (schema, schemas), (other["properties"][name], definitions), done)
    for word in ("items", "additionalProperties"):
        if "type" in one.get(word, {}) or "allOf" in one.get(word, {}):
            _check_alike(f"{path}[]", (one[word], schemas), (other[word], definitions), done)


def _resolve(schema: Object, schemas: Object) -> Object:
    for choice in schema.get("allOf", ()):
        return {**schemas[choice["$ref"].removeprefix(SCHEMAS)], **schema}
    return {}


def test_fields_have_their_descriptions() -> None:
    schemas = _read("apis/apps/v1")["components"]["schemas"]

    spec = schemas["io.k8s.api.apps.v1.DeploymentSpec"]

    assert spec["properties"]["replicas"]["description"].startswith("Number of desired pods.")
    assert schemas["io.k8s.api.core.v1.PodSpec"]["description"] == "PodSpec is a description of a pod."


def test_a_choice_of_a_custom_kind_is_one_schema_of_which_one_field_may_be_set() -> None:
    route = next(c for c in load_customs("apis/networking.istio.io/v1") if c.kind == "VirtualService")

    match = route.schemas["spec"]["properties"]["http"]["items"]["properties"]["match"]["items"]
    uri = match["properties"]["uri"]

    assert uri["properties"].keys() == {"exact", "prefix", "regex"}
    alone = [{"required": [name]} for name in ("exact", "prefix", "regex")]
    assert uri["oneOf"] == [{"not": {"anyOf": alone}}, *alone]


def test_a_custom_kind_has_the_operations_and_names_of_its_own() -> None:
    paths = _read("apis/networking.istio.io/v1")["paths"]

    patch = paths["/apis/networking.istio.io/v1/namespaces/{namespace}/gateways/{name}"]["patch"]

    assert patch["operationId"] == "patchNetworkingIstioIoV1NamespacedGateway"
    assert patch["description"] == "partially update the specified Gateway"
    assert sorted(patch["requestBody"]["content"]) == [
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
    ]
    assert not [path for path in paths if "/watch/" in path or "deployment" in path.lower()]


def test_a_hash_is_the_documents_own_and_stays() -> None:
    urls = {name: entry["serverRelativeURL"] for name, entry in json.loads(find_index())["paths"].items()}

    assert len(set(urls.values())) == len(urls) == len(list_documents())
    assert urls["apis/apps/v1"] == f"/openapi/v3/apis/apps/v1?hash={find_hash('apis/apps/v1')}"
    assert len(find_hash("v2")) == 128


def test_there_is_no_document_of_what_is_not_there() -> None:
    assert find_document("apis/nothing/v1") is None


def test_compressed_the_document_is_a_fraction() -> None:
    assert len(find_compressed()) < len(find_protobuf()) / 5


def test_without_the_libraries_the_documents_tell_how_lists_merge_and_that_fields_are_validated() -> None:
    document = make_plain("apps", "v1")

    schemas = document["components"]["schemas"]
    containers = schemas["PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert schemas["DeploymentSpec"]["properties"]["strategy"]["x-kubernetes-patch-strategy"] == "retainKeys"
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert "fieldValidation" in [parameter["name"] for parameter in patch["parameters"]]
    assert patch[GVK]["kind"] == "Deployment"


def test_without_the_libraries_every_reference_resolves() -> None:
    for resource, version in SERVED:
        schemas = make_plain(resource.group, version)["components"]["schemas"]
        assert _texts_after(json.dumps(schemas), SCHEMAS) <= schemas.keys()


def test_a_swagger_document_is_encoded_as_gnostic_has_it() -> None:
    kind = [{"group": "", "kind": "Pod", "version": "v1"}]
    document: Object = {
        "swagger": "2.0",
        "definitions": {
            "Pod": {"type": "object", "required": ["a"], "minimum": 1.5, "maxItems": 300, GVK: kind}
        },
    }

    encoded = encode_swagger(document)

    schema = (
        b"\x49\x00\x00\x00\x00\x00\x00\xf8\x3f"  # minimum, a double
        b"\x70\xac\x02"  # maxItems, a varint
        b"\x9a\x01\x01a"  # required
        b"\xb2\x01\x08\x0a\x06object"  # type
        b"\xfa\x01\x4b\x0a\x1f" + GVK.encode() + b'\x12\x28\x12\x26- group: ""\n  kind: Pod\n  version: v1\n'
    )
    named = b"\x0a\x03Pod\x12" + bytes([len(schema)]) + schema
    definitions = b"\x0a" + bytes([len(named)]) + named
    assert encoded == b"\x0a\x032.0\x4a" + bytes([len(definitions)]) + definitions
