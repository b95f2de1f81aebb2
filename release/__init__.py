"""What a release is: its life, its turn in a queue, its record in Redis, and the configuration of apps.

The core. It imports no web framework, no task queue and no cluster client.
"""
