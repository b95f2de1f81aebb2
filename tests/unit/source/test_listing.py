"""What Git says when a repository can't be read, sorted by what helps against it."""

from __future__ import annotations

import pytest

from source.listing import Trouble, find_trouble

RIGHTS = (
    "\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights"
)


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ("No ED25519 host key is known for x.\nHost key verification failed." + RIGHTS, Trouble.HOST_KEY),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @" + RIGHTS, Trouble.HOST_KEY),
        ("git@github.com: Permission denied (publickey)." + RIGHTS, Trouble.CREDENTIALS),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", Trouble.CREDENTIALS),
        ("fatal: Authentication failed for 'https://x/'", Trouble.CREDENTIALS),
        (
            "fatal: unable to access 'https://x/': The requested URL returned error: 403",
            Trouble.CREDENTIALS,
        ),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", Trouble.NAME),
        ("ssh: Could not resolve hostname x: Name or service not known" + RIGHTS, Trouble.NAME),
        ("fatal: unable to access 'https://x/': SSL certificate problem: self-signed", Trouble.CERTIFICATE),
        ("ssh: connect to host x port 22: Connection refused" + RIGHTS, Trouble.UNREACHABLE),
        ("Failed to connect to x port 443 after 0 ms: Couldn't connect to server", Trouble.UNREACHABLE),
        ("ssh: connect to host x port 22: Connection timed out" + RIGHTS, Trouble.SILENT),
        ("ERROR: Repository not found." + RIGHTS, Trouble.MISSING),
        ("fatal: '/x.git' does not appear to be a git repository" + RIGHTS, Trouble.MISSING),
        ("fatal: repository 'https://x/' not found", Trouble.MISSING),
        ("the program git is not installed where the workers run", Trouble.NO_GIT),
        ("fatal: something new", Trouble.OTHER),
    ],
)
def test_each_failure_is_told_apart(said: str, trouble: Trouble) -> None:
    assert find_trouble(said) is trouble
