"""A stand-in cluster on one machine: API server, kubelet and ingress gateway, to try and to test Verdigris.

Production code never imports it. It imports nothing of Verdigris: it plays a cluster and must not know its
guest.
"""
