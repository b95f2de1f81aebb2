"""The manifests of the apps that bring their own, in the ``envsubst`` form; the others use the built-in ones.

One repository serves every app, so the app's name is a variable of its configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "own"

DEPLOYMENT: Final = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: $APP-$COLOR_TEST
  labels: {app: $APP, color: $COLOR_TEST}
spec:
  replicas: 1
  selector:
    matchLabels: {app: $APP, color: $COLOR_TEST}
  template:
    metadata:
      labels: {app: $APP, color: $COLOR_TEST}
    spec:
      containers:
        - name: $APP
          image: registry.invalid/$APP:$SEMAPHORE_WORKFLOW_ID
          ports:
            - containerPort: 3000
"""
SERVICE: Final = """
apiVersion: v1
kind: Service
metadata: {name: $APP, labels: {app: $APP}}
spec:
  selector: {app: $APP}
  ports:
    - {name: http, port: 80, targetPort: 3000}
"""
GATEWAY: Final = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: $APP-gateway, labels: {app: $APP}}
spec:
  selector: {istio: ingressgateway}
  servers:
    - port: {number: 80, name: http, protocol: HTTP}
      hosts: [$APP.example.com]
"""
STEADY_RULE: Final = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: $APP-blue-green, labels: {app: $APP}}
spec:
  host: $APP
  subsets:
    - {name: $COLOR_ACTIVE, labels: {color: $COLOR_ACTIVE}}
"""
TEST_RULE: Final = (
    STEADY_RULE
    + """    - {name: $COLOR_TEST, labels: {color: $COLOR_TEST}}
"""
)
ROUTE: Final = """---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: $APP-blue-green, labels: {app: $APP}}
spec:
  hosts: [$APP.example.com, $APP]
  gateways: [$APP-gateway, mesh]
  http:
"""
TEST_ENTRY: Final = """    - name: $APP-test
      match:
        - headers: {cookie: {regex: "test=true"}}
      route:
        - destination: {host: $APP, subset: $COLOR_TEST}
"""
DEFAULT_ENTRY: Final = """    - name: $APP-default
      route:
        - destination: {host: $APP, subset: $COLOR_ACTIVE}
"""
FILES: Final = {
    "deployment.yml": DEPLOYMENT,
    "service.yml": SERVICE,
    "gateway.yml": GATEWAY,
    "route.yml": STEADY_RULE + ROUTE + DEFAULT_ENTRY,
    "route-test.yml": TEST_RULE + ROUTE + TEST_ENTRY + DEFAULT_ENTRY,
}


def write_manifests(tree: Path) -> None:
    """Put them into a clone of the apps' repository."""
    (tree / FOLDER).mkdir()
    for name, text in FILES.items():
        (tree / FOLDER / name).write_text(text)


def own_manifests(app: str) -> dict[str, Any]:
    """What the configuration of an app says that brings its own."""
    return {"path": FOLDER, "syntax": "envsubst", "variables": {"APP": app}}
