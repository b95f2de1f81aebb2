"""The Kubernetes side: objects, rollouts, commands in pods, and the route that the colors stand on.

The only package that imports ``kubernetes``. It knows releases as labels and annotations, never their state
in Redis; what a stage does with all this is in ``tasks``.
"""
