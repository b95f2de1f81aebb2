import json
from pathlib import Path
from typing import Any

from sandbox.gateway.files import ResourceFiles


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_a_file_holds_a_version_and_typed_resources(tmp_path: Path) -> None:
    files = ResourceFiles(tmp_path)
    assert files.write("cds.json", "cds", {"a": {"name": "a"}})
    assert read(tmp_path / "cds.json") == {
        "version_info": files.version("cds.json"),
        "resources": [{"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "a"}],
    }
    assert files.written("cds.json") == [{"name": "a"}]


def test_every_change_has_a_new_version(tmp_path: Path) -> None:
    files = ResourceFiles(tmp_path)
    files.write("cds.json", "cds", {"a": {"name": "a"}})
    first = files.version("cds.json")
    assert files.write("cds.json", "cds", {})
    assert files.version("cds.json") != first


def test_what_stands_there_already_is_not_written_again(tmp_path: Path) -> None:
    files = ResourceFiles(tmp_path)
    files.write("cds.json", "cds", {"a": {"name": "a"}})
    before = (tmp_path / "cds.json").stat().st_ino
    assert not files.write("cds.json", "cds", {"a": {"name": "a"}})
    assert (tmp_path / "cds.json").stat().st_ino == before


def test_a_file_is_replaced_by_rename_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    files = ResourceFiles(tmp_path)
    files.write("./eds/a.json", "eds", {"a": {"cluster_name": "a"}})
    with (tmp_path / "eds/a.json").open() as held:
        files.write("./eds/a.json", "eds", {})
        assert json.load(held)["resources"], "whoever has the file open reads the former one to its end"
    assert [path.name for path in (tmp_path / "eds").iterdir()] == ["a.json"]


def test_a_removed_file_is_written_again_when_it_comes_back(tmp_path: Path) -> None:
    files = ResourceFiles(tmp_path)
    files.write("a.json", "eds", {"a": {"cluster_name": "a"}})
    files.remove(["a.json"])
    assert not (tmp_path / "a.json").exists()
    assert files.write("a.json", "eds", {"a": {"cluster_name": "a"}})
