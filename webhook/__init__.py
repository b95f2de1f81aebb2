"""The Flask process: webhooks of Git hosts, the HTTP API, the pages.

It records what is asked and shows what is known. It never talks to the cluster, Git or Celery.
"""
