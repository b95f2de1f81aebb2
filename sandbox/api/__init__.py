"""The Kubernetes API server of the sandbox: what Verdigris and kubectl ask, answered as a real one does.

Each module holds one concern of a real API server. Only `server`, `watching`, `pods` and `answers` know HTTP;
the rest are functions over plain Kubernetes JSON. Controllers and the kubelet stay out.
"""
