"""The application for Flask's own development server: `flask --app admin.web.develop run`."""

from __future__ import annotations

import flask

from admin.web import app
from service.logs import set_up_logging
from settings.config import load


def create_app() -> flask.Flask:
    """The application, with the configuration in the environment. Raises ConfigError."""
    config = load("webserver")
    set_up_logging(config)
    return app.create_app(config)
