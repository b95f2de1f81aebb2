"""The shop of the demo: a web app that tells its color and version, and breaks when its release says so.

Started with PORT, COLOR and TAG in its environment; ``release.json`` beside it says what this version does.
"""

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RELEASE = json.loads(Path(__file__).with_name("release.json").read_text())
COLOR = os.environ["COLOR"]
TAG = os.environ["TAG"]


class Shop(BaseHTTPRequestHandler):
    """Answers every path with what it is; ``/ready`` says whether it may get requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        broken = RELEASE["broken"] and self.path == "/"
        body = {"shop": "broken" if broken else "open", "color": COLOR, "version": TAG}
        self.answer(500 if broken else 200, json.dumps(body).encode() + b"\n")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Color", COLOR)
        self.send_header("X-Version", TAG)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing: two hundred lines a second would be no log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main():
    time.sleep(RELEASE["startup_seconds"])
    server = Server(("127.0.0.1", int(os.environ["PORT"])), Shop)
    stop = threading.Thread(target=server.shutdown)
    signal.signal(signal.SIGTERM, lambda *_: stop.start())
    print(f"shop {TAG} on {COLOR}: open", flush=True)
    server.serve_forever(poll_interval=0.1)
    print(f"shop {TAG} on {COLOR}: closed", flush=True)


if __name__ == "__main__":
    main()
