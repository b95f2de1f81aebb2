"""The app that the benches release, with manifests in the article's form, the same for both sides."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

APP: Final = """
import os, signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        body = b'{"ready": true}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Tag", os.environ["TAG"])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever(poll_interval=0.05)
"""

SERVICE: Final = """\
apiVersion: v1
kind: Service
metadata:
  name: shop
  labels:
    app: shop
spec:
  selector:
    app: shop
  ports:
    - port: 3000
      name: http
"""

DEPLOYMENT: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop-$COLOR_TEST
  labels:
    color: $COLOR_TEST
    workflow: $SEMAPHORE_WORKFLOW_ID
spec:
  replicas: 1
  strategy:
    type: Recreate
  selector:
    matchLabels:
      app: shop
      color: $COLOR_TEST
  template:
    metadata:
      labels:
        app: shop
        color: $COLOR_TEST
        workflow: $SEMAPHORE_WORKFLOW_ID
    spec:
      containers:
        - name: shop
          image: $IMAGE:$SEMAPHORE_WORKFLOW_ID
          ports:
            - containerPort: 3000
          env:
            - name: COLOR
              value: "$COLOR_TEST"
            - name: TAG
              value: "$SEMAPHORE_WORKFLOW_ID"
          readinessProbe:
            httpGet:
              path: /ready
              port: 3000
            periodSeconds: 1
"""

GATEWAY: Final = """\
apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata:
  name: shop-gateway
spec:
  selector:
    istio: ingressgateway
  servers:
    - port:
        number: 80
        name: http
        protocol: HTTP
      hosts:
        - "$HOST"
"""

_SUBSETS: Final = """\
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata:
  name: shop-blue-green
spec:
  host: shop
  subsets:
    - name: $COLOR_ACTIVE
      labels:
        color: $COLOR_ACTIVE
"""

_SUBSET_TEST: Final = """\
    - name: $COLOR_TEST
      labels:
        color: $COLOR_TEST
"""

_ENTRIES: Final = """\
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: shop-blue-green
spec:
  hosts:
    - "$HOST"
  gateways:
    - shop-gateway
  http:
"""

_ENTRY_TEST: Final = """\
    - match:
        - headers:
            cookie:
              regex: "^(.*?;)?(test=true)(;.*)?$"
      route:
        - destination:
            host: shop
            subset: $COLOR_TEST
"""

_ENTRY: Final = """\
    - route:
        - destination:
            host: shop
            subset: $COLOR_ACTIVE
"""

MANIFESTS: Final = {
    "service.yml": SERVICE,
    "deployment.yml": DEPLOYMENT,
    "gateway.yml": GATEWAY,
    "route.yml": _SUBSETS + _ENTRIES + _ENTRY,
    "route-test.yml": _SUBSETS + _SUBSET_TEST + _ENTRIES + _ENTRY_TEST + _ENTRY,
}


def write_manifests(folder: Path, *, image: str) -> None:
    """As the article has them, in ``manifests/``; ``image``, if given, in place of the sandbox's."""
    (folder / "manifests").mkdir(parents=True)
    for name, text in MANIFESTS.items():
        named = text.replace("$IMAGE:$SEMAPHORE_WORKFLOW_ID", image) if image else text
        (folder / "manifests" / name).write_text(named)


def push_app(folder: Path, tags: Iterable[str], *, image: str = "") -> tuple[Path, str]:
    """A bare repository with the app, and all its tags on one commit; its path and the commit's id."""
    bare, clone = folder / "shop.git", folder / "shop"
    _git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    _git("clone", "--quiet", str(bare), str(clone))
    write_manifests(clone, image=image)
    (clone / "app.py").write_text(APP)
    _git("-C", str(clone), "add", "--all")
    _git("-C", str(clone), "commit", "--quiet", "--message", "first")
    for tag in tags:
        _git("-C", str(clone), "tag", tag)
    _git("-C", str(clone), "push", "--quiet", "--tags", "origin", "HEAD:main")
    return bare, _git("-C", str(clone), "rev-parse", "HEAD").strip()


def _git(*arguments: str) -> str:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {"NAME": "Bench", "EMAIL": "bench@example.com"}
    identity = {
        f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in who.items()
    }
    env = {**outside, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], env=env, check=True, capture_output=True, text=True)
    return done.stdout
