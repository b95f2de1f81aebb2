"""The sandbox's controllers: they turn Deployments into ReplicaSets, pods and endpoints, and clear away."""

from sandbox.controllers.controllers import Controllers

__all__ = ["Controllers"]
