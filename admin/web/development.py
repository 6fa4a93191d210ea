"""What `flask run` serves, for development: the admin Web API with the settings of the environment and of .env.

Tokens are checked as everywhere: `APP_WEBSERVER_NO_TOKEN_CHECK=true` is a word of its own.
"""

from __future__ import annotations

import os

import flask

from admin.web import app
from settings.config import load


def create_app() -> flask.Flask:
    """The application. Raises ValueError when a setting is missing or wrong, and says which."""
    return app.create_app(load("webserver", os.environ))
