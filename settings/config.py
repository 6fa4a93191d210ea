"""The configuration of a server: every environment variable, read and checked once, when a command starts.

`load` is the only way in. Attributes are the names of the variables in lower case; durations are `timedelta`s, IDs are
signed 64-bit integers. Options of a command override variables: hand `load` an environment with the options in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo

from bridge.wire.sharding import Realm
from settings import checks
from settings.checks import ROLES, Role, Rule, broken_rules
from settings.internal import (
    BURST_COUNTS,
    Documentation,
    Internals,
    Limits,
    Monitoring,
    burst_count_fields,
    scan_fields,
)
from settings.localhost import substitute_localhost
from settings.parsers import Kind
from settings.public import Broker, Databases, Logging, Trading, Turns, WebServer, WorkerProcesses

__all__ = ["ROLES", "Config", "ConfigError", "Role", "Scan", "load"]

# What PostgreSQL can still add to or take from today; nobody can tell a longer time from it.
_LONGEST_INTERVAL = timedelta(days=365_000)


class ConfigError(Exception):
    """Some variables can not be used. `problems` has one line for each, which names variable, value and rule."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Scan:
    """How one table is scanned: the time of a pass, the pages of a step, and the time a step should take."""

    days: timedelta
    blocks_per_query: int
    beat: timedelta


class Config(
    Databases,
    Turns,
    Trading,
    Broker,
    WorkerProcesses,
    WebServer,
    Logging,
    Limits,
    Internals,
    Monitoring,
    Documentation,
):
    """All settings of a server."""

    def burst_count(self, message_type: str) -> int:
        """Most messages of this type in one batch. Raises KeyError for a type that is not sent."""
        return int(getattr(self, f"app_{BURST_COUNTS[message_type]}_burst_count".lower()))

    def scan(self, table: str) -> Scan:
        """How to scan this table, such as `worker_accounts`. Raises AttributeError for a table that is not scanned."""
        prefix = f"app_{table}_scan_"
        beat = timedelta(milliseconds=getattr(self, f"{prefix}beat_millisecs"))
        return Scan(getattr(self, f"{prefix}days"), getattr(self, f"{prefix}blocks_per_query"), beat)

    @property
    def fetches_private_addresses(self) -> bool:
        """Whether documents may come from this machine and from private networks."""
        wish = self.app_fetch_private_addresses
        return not self.app_verify_ssl_certs if wish is None else wish

    @property
    def realm(self) -> Realm:
        """The part of all keys that this shard owns."""
        return Realm.parse(self.protocol_broker_queue_routing_key)

    @property
    def logs_http_access(self) -> bool:
        return self.app_log_level.lower() == "debug"

    @property
    def worker_pool_size(self) -> int:
        """Most connections of a process to the worker's database; 0 = no limit."""
        return int(self.sqlalchemy_engine_options.get("pool_size", 0))

    @property
    def superuser_subject(self) -> re.Pattern[str]:
        """Matches (from the start) the user names of superusers."""
        return _or_exactly(self.app_superuser_subject_regex, self.oauth2_superuser_username)

    @property
    def supervisor_subject(self) -> re.Pattern[str]:
        """Matches (from the start) the user names of supervisors."""
        return _or_exactly(self.app_supervisor_subject_regex, self.oauth2_supervisor_username)

    @property
    def interest_rate_history_period(self) -> timedelta:
        """How long interest rates are remembered: never shorter than a transfer attempt can live."""
        slack = max(self.app_worker_sending_slack_days, self.app_worker_dispatching_slack_days)
        attempt = min(self.app_turn_max_commit_period, _LONGEST_INTERVAL) + min(slack, _LONGEST_INTERVAL)
        return max(self.app_interest_rate_history_period, attempt)

    def warnings(self) -> list[str]:
        """What is allowed but hardly meant, one line each."""
        return checks.warnings(lambda variable: getattr(self, variable.lower()))

    def worker_settings(self) -> dict[str, Any]:
        """What `worker.set_configuration` takes, as JSON: the columns of `worker.configuration` without lane_count.

        Every worker daemon stores these when it starts. A limit of the collector IDs that is not in the environment is
        left out: the database knows the range that it is bound to.
        """
        realm = self.realm
        limits = {"min_collector_id", "max_collector_id"} & self.model_fields_set
        return {name: getattr(self, name) for name in sorted(limits)} | {
            "binding_key": realm.binding_key,
            "realm_mask": realm.mask,
            "realm": realm.realm,
            "parent_realm_mask": realm.parent_mask,
            "parent_realm": realm.parent_realm,
            "local_delivery": self.app_local_delivery,
            "delete_parent_shard_records": self.delete_parent_shard_records,
            "max_distance_to_base": self.max_distance_to_base,
            "healthy_max_commit_delay": _interval(self.transfers_healthy_max_commit_delay),
            "amount_cut": self.transfers_amount_cut,
            "min_demurrage_rate": self.app_min_demurrage_rate,
            "min_transfer_note_max_bytes": self.app_min_transfer_note_max_bytes,
            "turn_max_commit_period": _interval(self.app_turn_max_commit_period),
            "turn_phase_cushion": _interval(self.app_turn_phase_cushion_period),
            "interest_rate_history_period": _interval(self.interest_rate_history_period),
            "locator_claim_expiry": _interval(self.app_locator_claim_expiry_days),
            "debtor_info_expiry": _interval(self.app_debtor_info_expiry_days),
            "extreme_message_delay": _interval(self.app_extreme_message_delay_days),
            "max_heartbeat_delay": _interval(self.app_max_heartbeat_delay_days),
            "account_lock_max_age": _interval(self.app_account_lock_max_days),
            "released_account_lock_max_age": _interval(self.app_released_account_lock_max_days),
            "collecting_slack": _interval(self.app_worker_collecting_slack_days),
            "sending_slack": _interval(self.app_worker_sending_slack_days),
            "dispatching_slack": _interval(self.app_worker_dispatching_slack_days),
        }


# Named like the variable, so that a configuration can be pickled for other processes.
_CompleteConfig = create_model(
    "_CompleteConfig", __base__=Config, __module__=__name__, **burst_count_fields(), **scan_fields()
)

FIELDS: dict[str, FieldInfo] = {name.upper(): field for name, field in _CompleteConfig.model_fields.items()}
"""Every variable and its field."""


def kind_of(field: FieldInfo) -> Kind[Any]:
    """How the variable of this field is read."""
    kind: Kind[Any] = next(item for item in field.metadata if isinstance(item, Kind))
    return kind


def load(role: Role, environ: Mapping[str, str] = os.environ) -> Config:
    """Reads and checks all variables for a server with this role.

    Raises `ConfigError` with everything that is wrong. The solver and the web server have no worker database, so they
    do not even look at its variable.
    """
    texts: dict[str, Any] = {name: text for name, text in substitute_localhost(environ).items() if name in FIELDS}
    if role in ("solver", "webserver"):
        texts.pop("WORKER_POSTGRES_URL", None)
    try:
        config = _CompleteConfig(**texts)
        unreadable: list[str] = []
    except ValidationError as error:
        unreadable = [str(item["loc"][0]) for item in error.errors(include_input=False)]
        config = _CompleteConfig(**{name: text for name, text in texts.items() if name not in unreadable})

    def value_of(variable: str) -> Any:
        return getattr(config, variable.lower())

    problems = [_problem(name, texts, kind_of(FIELDS[name]).allowed) for name in unreadable]
    problems += [_broken(rule, texts, value_of) for rule in broken_rules(role, value_of, unreadable)]
    if problems:
        raise ConfigError(problems)
    return config


def default_text(variable: str) -> str:
    """The default of a variable as one would write it into the environment, or what stands for it."""
    field = FIELDS[variable]
    return _described_default(field) or kind_of(field).write(field.default)


def _described_default(field: FieldInfo) -> str | None:
    extra: Any = field.json_schema_extra
    text: str | None = extra["default_text"]
    return text


def _problem(variable: str, texts: Mapping[str, str], allowed: str) -> str:
    return f"{variable}{_shown(variable, texts)}: must be {allowed}"


def _broken(rule: Rule, texts: Mapping[str, str], value_of: checks.ValueOf) -> str:
    others = ", ".join(f"{name}{_shown(name, texts)}" for name in rule.variables[1:])
    return _problem(rule.variables[0], texts, rule.allowed) + (f" ({others})" if others else "")


def _shown(variable: str, texts: Mapping[str, str]) -> str:
    if variable in texts:
        return f"={kind_of(FIELDS[variable]).show(texts[variable])!r}"
    described = _described_default(FIELDS[variable]) is not None
    return " is not set" if described else f" is not set, default {default_text(variable)}"


def _or_exactly(pattern: re.Pattern[str], name: str) -> re.Pattern[str]:
    return pattern if pattern.pattern else re.compile(rf"{re.escape(name)}\Z")


def _interval(duration: timedelta) -> str:
    # In seconds: days of PostgreSQL's intervals follow the calendar of the session's time zone.
    seconds, microseconds = divmod(min(duration, _LONGEST_INTERVAL) // timedelta(microseconds=1), 10**6)
    return f"{seconds}.{microseconds:06d} seconds"
