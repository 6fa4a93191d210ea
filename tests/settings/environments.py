"""The smallest environment that each role starts with."""

from __future__ import annotations

from settings.config import Config, ConfigError, Role, load

ENVIRONMENTS: dict[Role, dict[str, str]] = {
    "solver": {
        "SOLVER_POSTGRES_URL": "postgresql://solver@host/db",
        "BASE_DEBTOR_INFO_LOCATOR": "https://example.com/666",
        "BASE_DEBTOR_ID": "666",
    },
    "worker": {
        "SOLVER_POSTGRES_URL": "postgresql://solver@host/db",
        "WORKER_POSTGRES_URL": "postgresql://worker@host/db",
    },
    "webserver": {
        "SOLVER_POSTGRES_URL": "postgresql://solver@host/db",
        "OAUTH2_INTROSPECT_URL": "http://localhost/introspect",
    },
    "configure": {
        "SOLVER_POSTGRES_URL": "postgresql://solver@host/db",
        "WORKER_POSTGRES_URL": "postgresql://worker@host/db",
    },
}


def load_with(role: Role = "worker", /, **variables: str) -> Config:
    """The configuration of a role, with these variables set as well."""
    return load(role, {**ENVIRONMENTS[role], **variables})


def problems_with(role: Role = "worker", /, **variables: str) -> list[str]:
    """What is wrong with these variables; an empty list if nothing is."""
    try:
        load_with(role, **variables)
    except ConfigError as error:
        return error.problems
    return []
