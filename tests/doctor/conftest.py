"""What the checks are run in: an environment of one's own, and a scripted API server."""

from __future__ import annotations

from tests.cluster.conftest import api, issue

__all__ = ("api", "issue")
