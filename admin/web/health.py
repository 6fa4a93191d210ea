"""Is the server alive? Without a look at any database."""

from __future__ import annotations

import flask
from flask.views import MethodView

from admin.web.blueprint import Blueprint

PATH = "/trade/health/check/public"

blueprint = Blueprint("health", __name__, url_prefix="/trade/health", description="Is the server alive?")


@blueprint.route("/check/public")
class Health(MethodView):
    @blueprint.operation("checkHealth", None)
    @blueprint.response(200, {"type": "string"}, content_type="text/plain")
    def get(self) -> flask.Response:
        """Say that the server is alive."""
        return flask.Response("I am healthy.", mimetype="text/plain")
