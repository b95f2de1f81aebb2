"""Values of the configuration: whether they changed can be told, what they were can't."""

from __future__ import annotations

from release.configured_values import (
    compare_values,
    configured_values,
    dump_fingerprints,
    parse_fingerprints,
    take_fingerprints,
)
from release.difference import ChangedKey, Kind
from release.loading import parse_config
from release.model import Color

CONFIG = """
apps:
  shop:
    repository: https://git.example.com/shop.git
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://127.0.0.1:1", host: shop.example.com}
    manifests:
      syntax: envsubst
      variables: {REGION: north}
    values: {greeting: hello, limits: {cpu: 1}}
    values_by_color:
      blue: {greeting: moin, key: {env: BLUE_KEY}}
      green: {key: {file: /run/green}}
"""


def values(color: Color) -> dict[str, str]:
    return configured_values(parse_config(CONFIG, name="verdigris.yml").apps["shop"], color)


def test_a_color_has_its_own_values_over_those_of_both() -> None:
    assert values(Color.BLUE) == {
        "REGION": '"north"',
        "greeting": '"moin"',
        "key": "kept in BLUE_KEY",
        "limits": '{"cpu": 1}',
    }
    assert values(Color.GREEN)["key"] == "kept in /run/green"


def test_what_changed_is_told_by_name() -> None:
    before = take_fingerprints({"A": "1", "B": "1", "C": "1"})

    found = compare_values(before, {"B": "1", "C": "2", "D\u202e": "1"})

    assert found == [
        ChangedKey("A", "verdigris.yml", Kind.REMOVED),
        ChangedKey("C", "verdigris.yml", Kind.CHANGED),
        ChangedKey("D\\u202e", "verdigris.yml", Kind.ADDED),
    ]


def test_a_fingerprint_tells_no_value_and_is_another_each_time() -> None:
    one, other = (take_fingerprints({"A": "hunter2"}) for _ in range(2))

    assert "hunter2" not in repr(one)
    assert one.values != other.values
    assert take_fingerprints({"A": "hunter2"}, one.salt) == one
    assert parse_fingerprints(dump_fingerprints(one)) == one
