"""What comes out of an app's repository: the tree at a tag, its manifests rendered and vetted.

The repository is hostile until vetted. Nothing here talks to a cluster; only this package imports ``git``.
"""
