"""The fixtures of the broker, for runs over it."""

from __future__ import annotations

from tests.bridge.conftest import rabbitmq_url

__all__ = ["rabbitmq_url"]
