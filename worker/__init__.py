"""The Celery process: app, settings, sending, reconciler, observer, logs."""
