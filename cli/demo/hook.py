"""The Git host of the demo: what GitHub does after a push, as a post-receive hook of the local repository.

Runs by itself with Python alone: reads ``old new ref`` lines, sends a signed ``push`` event for each.
"""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from typing import Any

ZERO = "0" * 40


def git(*arguments: str) -> str:
    """What git answers, about the repository that received the push."""
    command = ["git", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 -- names from git itself


def payload(old: str, new: str, ref: str) -> dict[str, Any]:
    """The members of GitHub's push event that matter here."""
    deleted = new == ZERO
    pusher = os.environ.get("DEMO_PUSHER", "you")
    owner, name = os.environ["DEMO_REPOSITORY"].split("/")
    return {
        "ref": ref,
        "before": old,
        "after": new,
        "created": old == ZERO,
        "deleted": deleted,
        "forced": False,
        "head_commit": None if deleted else {"id": git("rev-parse", f"{new}^{{commit}}")},
        "repository": {"full_name": f"{owner}/{name}", "name": name, "owner": {"login": owner}},
        "pusher": {"name": pusher},
        "sender": {"login": pusher},
    }


def deliver(event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Send one event, signed; the status and what was answered."""
    body = json.dumps(event).encode()
    digest = hmac.new(os.environ["DEMO_WEBHOOK_SECRET"].encode(), body, hashlib.sha256).hexdigest()
    request = urllib.request.Request(  # noqa: S310 -- our own address on this machine
        os.environ["DEMO_WEBHOOK_URL"],
        data=body,
        headers={
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={digest}",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 -- our own address on this machine
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def main() -> None:
    """Deliver each ref that was pushed."""
    for line in sys.stdin:
        old, new, ref = line.split()
        if not ref.startswith("refs/tags/"):
            continue
        status, answer = deliver(payload(old, new, ref))
        told = answer.get("url") if status == 202 else answer.get("reason") or answer.get("detail")  # noqa: PLR2004 -- accepted
        print(f"Verdigris answered {status}: {told}")


if __name__ == "__main__":
    main()
