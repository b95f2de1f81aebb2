from __future__ import annotations

import pytest

from source.documents import MAX_CHARACTERS, Unusable, find_mapping, mapping_at, mappings_at, parse_documents

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def test_every_document_of_a_file_is_an_object_and_empty_ones_are_none() -> None:
    text = f"---\n{HEAD}---\n# nothing\n---\n{HEAD.replace('name: a', 'name: b')}"

    found = parse_documents(text, file="f.yml")

    assert [document["metadata"]["name"] for document in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: b: c", 1, "no valid YAML"),
        (f"{HEAD}data:\n  a: x\n  a: y\n", 6, "'a' stands twice"),
        (f"{HEAD}data:\n  on: x\n", 5, "must be text"),
        (f"{HEAD}data:\n  1: x\n", 5, "must be text"),
        (f"{HEAD}a: &a {{x: y}}\nb:\n  <<: *a\n", 6, "merge keys"),
        (f"{HEAD}a: !!python/object/apply:os.system [id]\n", 4, "could not determine a constructor"),
        (f"{HEAD}a: !!binary aGk=\n", 0, "type bytes"),
        (f"{HEAD}a: !!set {{x, y}}\n", 0, "type set"),
        (f"{HEAD}a: .nan\n", 0, "type float"),
        (f"{HEAD}a: \x07\n", 0, "control characters"),
        (f"{HEAD}a: {'9' * 5000}\n", 0, "number"),
        ("- a\n", 0, "one Kubernetes object"),
        ("just words", 0, "one Kubernetes object"),
        ("kind: A\nmetadata: {name: a}", 0, "apiVersion must be given"),
        ("apiVersion: v1\nmetadata: {name: a}", 0, "kind must be given"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: 1}", 0, "metadata.name must be given"),
        ("apiVersion: v1\nkind: A\nmetadata: {generateName: a}", 0, "metadata.name must be given"),
        ("apiVersion: v1\nkind: A\nmetadata: [a]", 0, "metadata must be a mapping"),
        ("[" * 1500, 0, "nested too deeply"),
        (f"{HEAD}a: {'[' * 100}{']' * 100}", 0, "levels"),
        ("x" * (MAX_CHARACTERS + 1), 0, "longer than"),
    ],
)
def test_what_is_no_plain_object_is_refused_with_its_place(text: str, line: int, what: str) -> None:
    with pytest.raises(Unusable, match=what) as caught:
        parse_documents(text, file="f.yml")

    assert (caught.value.file, caught.value.line) == ("f.yml", line)


def test_aliases_that_unfold_without_end_are_refused() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))

    with pytest.raises(Unusable, match="aliases and all"):
        parse_documents(f"{HEAD}a0: &a0 [x]\n{levels}", file="f.yml")


def test_an_alias_to_itself_is_refused() -> None:
    with pytest.raises(Unusable, match="levels"):
        parse_documents(f"{HEAD}a: &a [*a]\n", file="f.yml")


def test_an_alias_gives_a_copy_and_dates_stay_text() -> None:
    [found] = parse_documents(f"{HEAD}a: &a {{x: 2026-01-01}}\nb: *a\n", file="f.yml")

    assert found["a"] == found["b"] == {"x": "2026-01-01"}
    assert found["a"] is not found["b"]


def test_a_mapping_is_made_only_by_the_function_that_says_so() -> None:
    value: dict[str, object] = {"a": None}

    assert find_mapping(value, "a", "b", file="f") == {}
    assert mappings_at(value, "a", "b", file="f") == []
    assert value == {"a": None}
    assert mapping_at(value, "a", "b", file="f") == {}
    assert value == {"a": {"b": {}}}


@pytest.mark.parametrize("read", [mapping_at, find_mapping])
def test_a_wrong_shape_is_told_with_its_path(read: object) -> None:
    assert callable(read)
    with pytest.raises(Unusable, match=r"^a\.b must be a mapping"):
        read({"a": {"b": "text"}}, "a", "b", file="f")


@pytest.mark.parametrize("found", ["text", ["text"], {"a": 1}])
def test_a_list_of_anything_but_mappings_is_refused(found: object) -> None:
    with pytest.raises(Unusable, match=r"^a\.b must be a list of mappings"):
        mappings_at({"a": {"b": found}}, "a", "b", file="f")
