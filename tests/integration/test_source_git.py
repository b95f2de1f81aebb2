"""Real Git on local bare repositories: what a tag is, what a checkout writes, and what is refused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release.problems import Problem
from source.checkout import Repositories
from source.export import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{
        f"GIT_{role}_{field}": f"tester{suffix}"
        for role in ("AUTHOR", "COMMITTER")
        for field, suffix in (("NAME", ""), ("EMAIL", "@example.com"))
    },
}


class Origin:
    """A bare repository as a Git host keeps it, and ways to put things there."""

    def __init__(self, folder: Path, *, object_format: str = "sha1") -> None:
        self.path = folder / "origin.git"
        self.path.mkdir()
        self.git("init", "--quiet", "--bare", "--initial-branch=main", f"--object-format={object_format}")

    @property
    def address(self) -> str:
        return str(self.path)

    def git(self, *arguments: str, given: str | bytes = b"") -> str:
        given = given.encode() if isinstance(given, str) else given
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=ENVIRONMENT, input=given, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def blob(self, text: str) -> str:
        return self.git("hash-object", "-w", "--stdin", given=text)

    def commit(self, *entries: tuple[str, str, str]) -> str:
        """A commit of ``(mode, name, text)``; for mode 040000 and 160000 the text is an object's id."""
        kinds = {"040000": "tree", "160000": "commit"}
        lines = [
            f"{mode} {kinds.get(mode, 'blob')} {text if mode in kinds else self.blob(text)}\t{name}"
            for mode, name, text in entries
        ]
        tree = self.git("mktree", "--missing", given="\n".join(lines) + "\n")
        return self.git("commit-tree", "-m", "a commit", tree)

    def raw_tree(self, *entries: tuple[str, str, str]) -> str:
        """A tree that mktree would refuse to write: ``(mode, name, id)`` as they come."""
        content = b"".join(
            f"{mode.lstrip('0')} {name}\0".encode() + bytes.fromhex(id_) for mode, name, id_ in entries
        )
        return self.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=content)

    def commit_raw(self, *entries: tuple[str, str, str]) -> str:
        commit = self.git("commit-tree", "-m", "a commit", self.raw_tree(*entries))
        self.git("update-ref", "refs/heads/main", commit)
        return commit

    def tag(self, name: str, commit: str, *, annotated: bool = False) -> None:
        self.git("tag", "--force", *(["-m", "a note"] if annotated else []), name, commit)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    return Repositories(tmp_path / "cache")


def slug_of(caught: pytest.ExceptionInfo[Problem]) -> str:
    return caught.value.document.slug


def test_a_tag_is_resolved_on_the_remote_as_it_is_now(origin: Origin, repositories: Repositories) -> None:
    first, second = origin.commit(("100644", "a", "1")), origin.commit(("100644", "a", "2"))
    origin.tag("v1-blue", first)
    assert repositories.resolve_tag(origin.address, "v1-blue") == first

    origin.tag("v1-blue", second)

    assert repositories.resolve_tag(origin.address, "v1-blue") == second


def test_an_annotated_tag_is_followed_to_its_commit(origin: Origin, repositories: Repositories) -> None:
    commit = origin.commit(("100644", "a", "1"))
    origin.tag("v1-blue", commit, annotated=True)

    assert origin.git("rev-parse", "v1-blue") != commit
    assert repositories.resolve_tag(origin.address, "v1-blue") == commit


def test_a_repository_with_long_names_is_told_as_such(tmp_path: Path, repositories: Repositories) -> None:
    origin = Origin(tmp_path, object_format="sha256")
    origin.tag("v1-blue", origin.commit(("100644", "a", "1")))
    commit = repositories.resolve_tag(origin.address, "v1-blue")

    with pytest.raises(Problem) as caught:
        repositories.check_out(origin.address, commit, tmp_path / "tree")

    assert slug_of(caught) == "repository-format"
    assert commit in caught.value.document.detail


def test_a_tag_that_is_not_there_is_told_with_its_name(origin: Origin, repositories: Repositories) -> None:
    origin.tag("v1-green", origin.commit(("100644", "a", "1")))

    with pytest.raises(Problem) as caught:
        repositories.resolve_tag(origin.address, "v1-blue")

    assert slug_of(caught) == "tag-missing"
    assert "v1-blue" in caught.value.document.detail


def test_a_branch_that_looks_like_the_tags_path_is_not_the_tag(
    origin: Origin, repositories: Repositories
) -> None:
    origin.git("update-ref", "refs/heads/refs/tags/v1-blue", origin.commit(("100644", "a", "1")))

    with pytest.raises(Problem) as caught:
        repositories.resolve_tag(origin.address, "v1-blue")

    assert slug_of(caught) == "tag-missing"


@pytest.mark.parametrize("tag", ["--upload-pack=touch pwned", "v*-blue", "v1-blue\n", "-v1-blue"])
def test_a_hostile_tag_never_reaches_git(origin: Origin, repositories: Repositories, tag: str) -> None:
    origin.tag("v1-blue", origin.commit(("100644", "a", "1")))

    with pytest.raises(Problem) as caught:
        repositories.resolve_tag(origin.address, tag)

    assert slug_of(caught) == "tag-missing"


def test_a_checkout_holds_the_commits_files_and_nothing_of_git(
    origin: Origin, repositories: Repositories, tmp_path: Path
) -> None:
    folder = origin.git("mktree", given=f"100755 blob {origin.blob('#!/bin/sh')}\trun\n")
    commit = origin.commit(
        ("100644", "README", "hello"), ("040000", "bin", folder), ("120000", "start", "bin/run")
    )
    origin.tag("v1-blue", commit)

    tree = repositories.check_out(origin.address, commit, tmp_path / "out" / "tree")

    found = sorted(str(path.relative_to(tree.path)) for path in tree.path.rglob("*"))
    assert found == ["README", "bin", "bin/run", "start"]
    assert tree.files == 3
    assert os.access(tree.path / "bin/run", os.X_OK)
    assert not os.access(tree.path / "README", os.X_OK)
    assert (tree.path / "start").readlink() == Path("bin/run")


def test_what_the_repository_says_about_export_and_filters_is_ignored(
    origin: Origin, repositories: Repositories, tmp_path: Path
) -> None:
    commit = origin.commit(
        ("100644", ".gitattributes", "secret export-ignore\nnote export-subst ident eol=crlf\n"),
        ("100644", "note", "$Id$ $Format:%H$\n"),
        ("100644", "secret", "here"),
    )
    origin.tag("v1-blue", commit)

    tree = repositories.check_out(origin.address, commit, tmp_path / "tree")

    assert (tree.path / "note").read_bytes() == b"$Id$ $Format:%H$\n"
    assert (tree.path / "secret").read_text() == "here"


def test_a_second_checkout_needs_no_remote_and_leaves_nothing_of_the_first(
    origin: Origin, repositories: Repositories, tmp_path: Path
) -> None:
    commit = origin.commit(("100644", "a", "1"))
    origin.tag("v1-blue", commit)
    repositories.check_out(origin.address, commit, tmp_path / "tree")
    (tmp_path / "tree" / "left-over").write_text("x")

    origin.path.rename(tmp_path / "gone.git")
    tree = repositories.check_out(origin.address, commit, tmp_path / "tree")

    assert [path.name for path in tree.path.iterdir()] == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "gone.git", "tree"]


def test_a_commit_whose_tag_has_moved_is_still_given_out(
    origin: Origin, repositories: Repositories, tmp_path: Path
) -> None:
    first, second = origin.commit(("100644", "a", "1")), origin.commit(("100644", "a", "2"))
    for commit in (first, second):
        origin.tag("v1-blue", commit)
        repositories.check_out(origin.address, commit, tmp_path / commit)

    tree = repositories.check_out(origin.address, first, tmp_path / "again")

    assert (tree.path / "a").read_text() == "1"


class QuietHandler(SimpleHTTPRequestHandler):
    """Files without a log on standard error."""

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def plain_http(origin: Origin) -> Iterator[str]:
    """A web server that knows nothing of Git: it gives out files, never a single commit."""
    handler = partial(QuietHandler, directory=str(origin.path.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/{origin.path.name}"
        server.shutdown()
        thread.join()


def test_a_host_that_gives_no_single_commits_is_asked_for_everything(
    origin: Origin, plain_http: str, repositories: Repositories, tmp_path: Path
) -> None:
    commit = origin.commit(("100644", "a", "1"))
    origin.tag("v1-blue", commit, annotated=True)
    origin.git("update-server-info")

    assert repositories.resolve_tag(plain_http, "v1-blue") == commit
    tree = repositories.check_out(plain_http, commit, tmp_path / "tree")

    assert (tree.path / "a").read_text() == "1"


@pytest.mark.parametrize("commit", ["f" * 40, "HEAD", "--help", "main", "abc"])
def test_a_commit_that_is_not_there_is_refused(
    origin: Origin, repositories: Repositories, tmp_path: Path, commit: str
) -> None:
    origin.tag("v1-blue", origin.commit(("100644", "a", "1")))

    with pytest.raises(Problem) as caught:
        repositories.check_out(origin.address, commit, tmp_path / "tree")

    assert slug_of(caught) in {"commit-missing", "repository-unreachable"}
    assert not (tmp_path / "tree").exists()


def test_a_tag_of_a_file_is_no_release(origin: Origin, repositories: Repositories, tmp_path: Path) -> None:
    blob = origin.blob("just a file")
    origin.tag("v1-blue", blob)

    with pytest.raises(Problem) as caught:
        repositories.check_out(origin.address, blob, tmp_path / "tree")

    assert slug_of(caught) == "commit-missing"


@pytest.mark.parametrize(
    "links",
    [
        {"out": "/etc/passwd"},
        {"out": "../../etc/passwd"},
        {"root": "a/..", "out": "root/../.."},
        {"out": ".."},
    ],
    ids=["absolute", "relative", "over another link", "the folder above"],
)
def test_a_link_out_of_the_tree_is_refused_and_nothing_is_left(
    origin: Origin, repositories: Repositories, tmp_path: Path, links: dict[str, str]
) -> None:
    folder = origin.git("mktree", given=f"100644 blob {origin.blob('x')}\tfile\n")
    entries = [("120000", name, target) for name, target in links.items()]
    commit = origin.commit(("040000", "a", folder), *entries)
    origin.tag("v1-blue", commit)

    with pytest.raises(Problem) as caught:
        repositories.check_out(origin.address, commit, tmp_path / "tree")

    assert slug_of(caught) == "unsafe-tree"
    assert "out" in caught.value.document.detail
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "origin.git"]


@pytest.mark.parametrize("name", ["..", ".git", ".GIT", "."])
def test_a_path_that_leads_out_of_the_tree_is_refused(
    origin: Origin, repositories: Repositories, tmp_path: Path, name: str
) -> None:
    inner = origin.raw_tree(("100644", "config", origin.blob("x")))
    commit = origin.commit_raw(("040000", name, inner))

    with pytest.raises(Problem) as caught:
        repositories.check_out(origin.address, commit, tmp_path / "tree")

    assert slug_of(caught) == "unsafe-tree"


def test_a_link_and_a_folder_of_one_name_write_nothing_through_the_link(
    origin: Origin, repositories: Repositories, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    inner = origin.raw_tree(("100644", "file", origin.blob("pwned")))
    link = origin.blob(str(tmp_path / "outside"))
    commit = origin.commit_raw(("120000", "x", link), ("040000", "x", inner))

    with pytest.raises(Problem) as caught:
        repositories.check_out(origin.address, commit, tmp_path / "tree")

    assert slug_of(caught) == "unsafe-tree"
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_tree_that_unfolds_without_end_is_refused(origin: Origin, tmp_path: Path) -> None:
    repositories = Repositories(tmp_path / "cache", limits=Limits(files=1000))
    object_, mode = origin.blob("bomb"), "100644"
    for _ in range(8):
        object_ = origin.raw_tree(*((mode, f"d{number:02}", object_) for number in range(20)))
        mode = "040000"
    commit = origin.commit_raw(("040000", "d", object_))

    with pytest.raises(Problem) as caught:
        repositories.check_out(origin.address, commit, tmp_path / "tree")

    assert slug_of(caught) == "unsafe-tree"
    assert "more than 1000 files" in caught.value.document.detail


def test_a_tree_with_more_bytes_than_it_may_have_is_refused(origin: Origin, tmp_path: Path) -> None:
    commit = origin.commit(("100644", "a", "12345"), ("100644", "b", "67890"))
    origin.tag("v1-blue", commit)

    with pytest.raises(Problem, match="more than 9 bytes"):
        Repositories(tmp_path / "cache", limits=Limits(bytes=9)).check_out(
            origin.address, commit, tmp_path / "tree"
        )


def test_a_path_longer_than_a_file_system_takes_is_refused(
    origin: Origin, repositories: Repositories, tmp_path: Path
) -> None:
    commit = origin.commit(("100644", "a" * 1025, "x"))
    origin.tag("v1-blue", commit)

    with pytest.raises(Problem, match="longer than 1024 bytes"):
        repositories.check_out(origin.address, commit, tmp_path / "tree")


def test_a_commit_that_is_not_cached_needs_the_remote(
    origin: Origin, repositories: Repositories, tmp_path: Path
) -> None:
    origin.path.rename(tmp_path / "gone.git")

    with pytest.raises(Problem) as caught:
        repositories.check_out(origin.address, "f" * 40, tmp_path / "tree")

    assert slug_of(caught) == "repository-unreachable"


def test_submodules_are_left_out(origin: Origin, repositories: Repositories, tmp_path: Path) -> None:
    modules = '[submodule "evil"]\n\tpath = evil\n\turl = ext::sh -c "touch pwned"\n'
    commit = origin.commit(("100644", ".gitmodules", modules), ("160000", "evil", "f" * 40))
    origin.tag("v1-blue", commit)

    tree = repositories.check_out(origin.address, commit, tmp_path / "tree")

    assert [path.name for path in tree.path.iterdir()] == [".gitmodules"]


def test_hooks_and_foreign_configuration_do_not_run(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment is Git's own interface, so here it is set as a careless operator's would be."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-merge"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
        (hooks / name).chmod(0o755)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {hooks}\n"
        f'[url "ext::touch {tmp_path}/pwned "]\n\tinsteadOf = {origin.address}\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere.git"))
    commit = origin.commit(("100644", "a", "1"))
    subprocess.run(["git", "tag", "v1-blue", commit], cwd=origin.path, env=ENVIRONMENT, check=True)

    repositories = Repositories(tmp_path / "cache")
    assert repositories.resolve_tag(origin.address, "v1-blue") == commit
    repositories.check_out(origin.address, commit, tmp_path / "tree")

    assert not (tmp_path / "pwned").exists()
    assert not (tmp_path / "elsewhere.git").exists()


def test_a_cache_that_a_killed_git_left_locked_is_built_anew(
    origin: Origin, repositories: Repositories, tmp_path: Path
) -> None:
    first, second = origin.commit(("100644", "a", "1")), origin.commit(("100644", "a", "2"))
    origin.tag("v1-blue", first)
    origin.tag("v2-blue", second)
    repositories.check_out(origin.address, first, tmp_path / "first")
    [cached] = (tmp_path / "cache").glob("*.git")
    (cached / "shallow.lock").touch()

    tree = repositories.check_out(origin.address, second, tmp_path / "second")

    assert (tree.path / "a").read_text() == "2"
    assert not (cached / "shallow.lock").exists()


def test_an_address_that_runs_a_program_is_refused(repositories: Repositories, tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        repositories.resolve_tag(f"ext::sh -c touch% {tmp_path}/pwned", "v1-blue")

    assert slug_of(caught) == "repository-refused"
    assert not (tmp_path / "pwned").exists()


def test_local_repositories_can_be_switched_off(origin: Origin, tmp_path: Path) -> None:
    repositories = Repositories(tmp_path / "cache", allow_file_transport=False)

    for address in (origin.address, f"file://{origin.address}"):
        with pytest.raises(Problem) as caught:
            repositories.resolve_tag(address, "v1-blue")
        assert slug_of(caught) == "repository-refused"


def test_a_file_address_works_as_the_path_does(
    origin: Origin, repositories: Repositories, tmp_path: Path
) -> None:
    commit = origin.commit(("100644", "a", "1"))
    origin.tag("v1-blue", commit)

    assert repositories.resolve_tag(f"file://{origin.address}", "v1-blue") == commit
    tree = repositories.check_out(f"file://{origin.address}", commit, tmp_path / "tree")

    assert (tree.path / "a").read_text() == "1"


def test_what_git_says_is_told_without_the_addresss_credentials(repositories: Repositories) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"https://deployer:hunter2hunter2@127.0.0.1:{closed.getsockname()[1]}/shop.git"

        with pytest.raises(Problem) as caught:
            repositories.resolve_tag(address, "v1-blue")

    assert slug_of(caught) == "repository-unreachable"
    assert "127.0.0.1" in str(caught.value)
    assert "hunter2" not in str(caught.value) + repr(caught.value.document) + repr(caught.value.__context__)
    assert caught.value.__cause__ is None


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


@pytest.mark.parametrize("scheme", ["http", "git"])
def test_a_remote_that_never_answers_is_given_up(silent_port: int, tmp_path: Path, scheme: str) -> None:
    repositories = Repositories(tmp_path / "cache", ask_seconds=0.5)
    started = time.monotonic()

    with pytest.raises(Problem) as caught:
        repositories.resolve_tag(f"{scheme}://127.0.0.1:{silent_port}/shop.git", "v1-blue")

    assert slug_of(caught) == "repository-unreachable"
    assert "longer than 0.5 s" in caught.value.document.detail
    assert time.monotonic() - started < 10


def test_a_fetch_that_never_ends_is_given_up_and_frees_the_cache(silent_port: int, tmp_path: Path) -> None:
    repositories = Repositories(tmp_path / "cache", fetch_seconds=0.5)

    for _ in range(2):
        with pytest.raises(Problem, match=r"git fetch took longer than 0\.5 s"):
            repositories.check_out(f"git://127.0.0.1:{silent_port}/x.git", "f" * 40, tmp_path / "tree")


CHECK_OUT = """
import sys
from pathlib import Path
from source.checkout import Repositories
cache, address, commit, into = sys.argv[1:]
sys.stdin.readline()
print(Repositories(Path(cache)).check_out(address, commit, Path(into)).files)
"""


def test_several_processes_may_start_with_an_empty_cache_at_once(origin: Origin, tmp_path: Path) -> None:
    commits = [origin.commit(("100644", "a", str(number))) for number in range(2)]
    for number, commit in enumerate(commits):
        origin.tag(f"v{number}-blue", commit)
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                CHECK_OUT,
                str(tmp_path / "cache"),
                origin.address,
                commit,
                str(tmp_path / f"tree-{number}-{commit}"),
            ],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
        for commit in commits
    ]

    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in processes]

    assert answers == [("1\n", "")] * 4
    for number, commit in enumerate(commits):
        assert (tmp_path / f"tree-0-{commit}" / "a").read_text() == str(number)
