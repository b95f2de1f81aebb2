"""What a real server tells about itself when it is asked as ``verdigris doctor`` asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release.redis_facts import read_facts

if TYPE_CHECKING:
    from release.redis_access import Client
    from sandbox.datastore import RunningRedis

pytestmark = pytest.mark.needs_redis


def test_a_server_that_hides_nothing_tells_everything(real_redis: Client, shared_redis: RunningRedis) -> None:
    told = real_redis.info()

    facts = read_facts(shared_redis.url, timeout=5)

    assert facts.version == told["redis_version"]
    assert facts.product.split()[0] in {"Redis", "Valkey"}
    assert (facts.mode, facts.role, facts.master) == ("standalone", "master", "")
    assert facts.settings["appendonly"] == "no"
    assert facts.settings["appendfsync"]
    assert facts.settings["maxmemory-policy"] == "noeviction"
    assert (facts.unread, facts.write_refusal, facts.script_refusal) == ("", "", "")
    assert facts.ahead is not None
    assert abs(facts.ahead) < 5


def test_asking_leaves_nothing_behind(real_redis: Client, shared_redis: RunningRedis) -> None:
    read_facts(shared_redis.url, timeout=5)

    assert real_redis.dbsize() == 0


def test_a_server_without_room_refuses_to_write_in_its_own_words(
    real_redis: Client, shared_redis: RunningRedis
) -> None:
    real_redis.config_set("maxmemory", 1)

    assert "maxmemory" in read_facts(shared_redis.url, timeout=5).write_refusal


def test_a_replica_names_its_master(real_redis: Client, shared_redis: RunningRedis) -> None:
    # Nobody listens there
    real_redis.replicaof("127.0.0.1", 1)
    try:
        facts = read_facts(shared_redis.url, timeout=5)
    finally:
        real_redis.replicaof("NO", "ONE")

    assert (facts.role, facts.master) == ("slave", "127.0.0.1:1")
    assert "read only" in facts.write_refusal
