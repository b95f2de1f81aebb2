"""Users, many of them: so many requests a second over kept connections, until standard input ends.

A program of its own, so that the crowd does not wait for what the tests' process does. It prints one JSON
object: what was sent, what failed with the first reasons, which versions answered, the rate it kept, and how
long the slowest request took, in milliseconds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

TIMEOUT = 5.0
FEW = 20


@dataclass
class User:
    """One connection that asks at its own pace; a broken one is opened again, and counted."""

    port: int
    host: str
    pause: float
    ended: threading.Event
    sent: int = 0
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)

    def ask_on(self) -> None:
        """Keep to the schedule: one that is late asks at once, it does not ask less."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        due = time.monotonic()
        while not self.ended.wait(max(0.0, due - time.monotonic())):
            due += self.pause
            self.sent += 1
            began = time.monotonic()
            self._ask(connection)
            self.slowest = max(self.slowest, time.monotonic() - began)
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        try:
            connection.request("GET", "/", headers={"Host": self.host})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(f"{type(error).__name__}: {error}")
            connection.close()
            return
        if answer.status != http.HTTPStatus.OK:
            self.failures.append(f"status {answer.status}")
        self.versions[answer.headers.get("X-Tag", "")] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("host")
    parser.add_argument("--rate", type=int, default=500, help="requests a second, all users together")
    parser.add_argument("--users", type=int, default=25, help="connections: a slow answer holds one up")
    options = parser.parse_args()
    ended, began = threading.Event(), time.monotonic()
    pause = options.users / options.rate
    users = [User(options.port, options.host, pause, ended) for _ in range(options.users)]
    threads = [threading.Thread(target=user.ask_on) for user in users]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    failures = [reason for user in users for reason in user.failures]
    sent = sum(user.sent for user in users)
    versions = sum((user.versions for user in users), Counter[str]())
    rate = round(sent / (time.monotonic() - began))
    slowest = round(max(user.slowest for user in users) * 1000)
    told = {"sent": sent, "rate": rate, "slowest": slowest, "versions": versions}
    sys.stdout.write(json.dumps(told | {"failed": len(failures), "reasons": failures[:FEW]}) + "\n")


if __name__ == "__main__":
    main()
