"""The sandbox's kubelet: pods as local processes, with their probes, restarts, logs and commands."""

from sandbox.node.command import ExecOutcome
from sandbox.node.node import Node

__all__ = ["ExecOutcome", "Node"]
