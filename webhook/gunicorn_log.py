"""gunicorn's own lines in the form of all others: one JSON object a line."""

from __future__ import annotations

import os
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]  # it has no stubs

from release.environment import Settings
from webhook.log import configure_log


class UniformLogger(Logger):  # type: ignore[misc]  # it has no stubs
    """Hands its lines on to the root logger. Of requests it tells nothing: ``request_log`` does."""

    def setup(self, cfg: Any) -> None:  # noqa: ANN401 -- gunicorn's settings, which have no type
        """Called in the first process, and again when it is told to read its settings anew."""
        super().setup(cfg)
        configure_log(Settings.read(os.environ).log_format)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
