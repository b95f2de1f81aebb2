"""The sandbox's ingress gateway: Envoy, led by Istio's objects in the store."""

from sandbox.gateway.envoy import GatewayError
from sandbox.gateway.gateway import Gateway

__all__ = ["Gateway", "GatewayError"]
