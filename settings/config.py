"""The configuration of a server: every environment variable, read and checked once, when a command starts.

`load` is the only way in. Attributes are the names of the variables in lower case; durations are `timedelta`s, IDs are
signed 64-bit integers. Options of a command override variables: hand `load` an environment with the options in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo

from bridge.rabbitmq.tls import TlsFiles
from bridge.wire.sharding import Realm
from settings import aliases, checks
from settings.checks import ROLES, Role, Rule, broken_rules
from settings.internal import (
    BURST_COUNTS,
    AdminApi,
    Documentation,
    Internals,
    Limits,
    Monitoring,
    burst_count_fields,
    scan_fields,
)
from settings.localhost import substitute_localhost
from settings.near_misses import SERVICE_LINK_VALUE, near_misses
from settings.parsers import Kind
from settings.public import Broker, Databases, Logging, Trading, Turns, WebServer, WorkerProcesses
from settings.secret_files import SUFFIX, with_secrets
from settings.urls import lead_to_one_broker

__all__ = ["ROLES", "Config", "ConfigError", "Role", "Scan", "doubts", "load"]

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


@dataclass(frozen=True, slots=True)
class ConsumedQueue:
    """A queue that this worker consumes: where it is, and with how many processes, and threads of each.

    `prefetch_count`: most unacknowledged messages of a process, 0 for no limit.
    """

    url: str
    name: str
    processes: int
    threads: int
    prefetch_count: int


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
    AdminApi,
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
    def broker_files(self) -> TlsFiles:
        """What TLS needs to reach the broker."""
        return TlsFiles(self.app_broker_ca_file, self.app_broker_cert_file, self.app_broker_key_file)

    @property
    def has_internal_broker(self) -> bool:
        """Whether messages between shards go by a broker of their own."""
        internal = self.internal_broker_url
        return bool(internal) and not lead_to_one_broker(internal, self.protocol_broker_url)

    @property
    def protocol_queue(self) -> ConsumedQueue:
        """The queue with what authorities and the creditors agent send, and shards where they share the broker."""
        return ConsumedQueue(
            self.protocol_broker_url,
            self.protocol_broker_queue,
            self.protocol_broker_processes,
            self.protocol_broker_threads,
            self.protocol_broker_prefetch_count,
        )

    @property
    def internal_queue(self) -> ConsumedQueue:
        """The queue of messages between shards. Where they share the broker, what an earlier set-up left there."""
        return ConsumedQueue(
            self.internal_broker_url or self.protocol_broker_url,
            self.internal_broker_queue or f"{self.protocol_broker_queue}-internal",
            self.internal_broker_processes,
            self.internal_broker_threads,
            self.internal_broker_prefetch_count,
        )

    @property
    def realm(self) -> Realm:
        """The part of all keys that this shard owns."""
        return Realm.parse(self.protocol_broker_queue_routing_key)

    @property
    def webserver_host(self) -> str:
        """The address that the web server listens on. Where nothing is checked, nobody reaches it from outside."""
        return self.app_webserver_host or ("127.0.0.1" if self.app_webserver_no_token_check else "0.0.0.0")

    @property
    def has_dashboard_login(self) -> bool:
        """Whether people can log in to the dashboard by the server that makes the tokens."""
        return bool(self.app_dashboard_client_id) and not self.app_webserver_no_token_check

    @property
    def worker_pool_size(self) -> int:
        """Most connections of a process to the worker's database; 0 = no limit."""
        return int(self.sqlalchemy_engine_options.get("pool_size", 0))

    @property
    def superuser_subject(self) -> re.Pattern[str]:
        """Matches the whole of the user names of superusers."""
        return _or_exactly(self.app_superuser_subject_regex, self.oauth2_superuser_username)

    @property
    def supervisor_subject(self) -> re.Pattern[str]:
        """Matches the whole of the user names of supervisors."""
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
            "offers_pouring": None if self.offers_pouring_duration is None else _interval(self.offers_pouring_duration),
            "default_collector_count": self.app_default_number_of_collector_accounts,
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


SECRETS = tuple(name for name, field in FIELDS.items() if not field.repr)
"""Variables with passwords in them. Each may be in a file, which `NAME_FILE` names."""

LOAD_POLICIES_SECRETS = tuple(f"LOAD_POLICIES_{name}" for name in ("URL", "TOKEN", "TOKEN_URL", "CLIENT_SECRET"))
IMPORT_SECRETS = ("OLD_SOLVER_POSTGRES_URL", "OLD_WORKER_POSTGRES_URL")
SPLIT_SECRETS = ("SPLIT_SHARD_POSTGRES_URL_0", "SPLIT_SHARD_POSTGRES_URL_1")
COMMAND_SECRETS = (*LOAD_POLICIES_SECRETS, *IMPORT_SECRETS, *SPLIT_SECRETS)
"""Secrets that single commands want, and no server."""
_LOAD_POLICIES = ("LOAD_POLICIES_CLIENT_ID", "LOAD_POLICIES_SCOPE")

_ALWAYS_USED = tuple(name.upper() for name in Logging.model_fields)
_SOURCE = "source of "
_QUOTES = re.compile(r"""(["']).*\1""", re.DOTALL)


def used_by(role: Role) -> set[str]:
    """The variables that servers with this role look at."""
    return {name for name, field in FIELDS.items() if role in _extra(field)["used_by"]}


def load(role: Role, environ: Mapping[str, str] = os.environ, used: Collection[str] | None = None) -> Config:
    """Reads and checks the variables of a server with this role, or only those that are `used` (and those of logging).

    Raises `ConfigError` with everything that is wrong. What is not used never stops a server: when it can not be read,
    it has its default. White space around a value does not count.
    """
    counting = used_by(role) if used is None else {*used, *_ALWAYS_USED}
    texts, without_file = _texts(environ, counting)
    try:
        config = _CompleteConfig(**texts)
        unreadable: list[str] = []
    except ValidationError as error:
        unreadable = [str(item["loc"][0]) for item in error.errors(include_input=False)]
        config = _CompleteConfig(**{name: text for name, text in texts.items() if name not in unreadable})

    def value_of(variable: str) -> Any:
        return getattr(config, variable.lower())

    problems = list(without_file.values())
    problems += [_problem(name, texts, kind_of(FIELDS[name]).allowed) for name in unreadable if name in counting]
    left_out = {*unreadable, *without_file, *(FIELDS.keys() - counting)}
    problems += [_broken(rule, texts, value_of) for rule in broken_rules(role, value_of, left_out)]
    if problems:
        raise ConfigError(problems)
    return config


def doubts(role: Role, environ: Mapping[str, str] = os.environ) -> list[str]:
    """What is wrong with an environment that a server starts with all the same, one line each, nothing secret."""
    used = used_by(role)
    texts, _ = _texts(environ, used)
    names = {*FIELDS, *aliases.KNOWN, *COMMAND_SECRETS, *_LOAD_POLICIES}
    lines = near_misses(environ, names, {*SECRETS, *COMMAND_SECRETS}) + aliases.overruled(environ)
    for name, text in texts.items():
        if name not in FIELDS:
            continue
        kind = kind_of(FIELDS[name])
        if name in used:
            if _QUOTES.fullmatch(text):
                lines.append(f"{name} is in quotation marks, which are part of its value: leave them out")
        elif not SERVICE_LINK_VALUE.fullmatch(text) and not kind.can_read(text):
            lines.append(f"{_problem(name, texts, kind.allowed)}; it is ignored, since this server does not use it")
    return lines


def _texts(environ: Mapping[str, str], used: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The texts of all variables that are set; and, by variable, what is wrong with the files of those in use."""
    given, problems = with_secrets(aliases.with_aliases(environ), [name for name in SECRETS if name in used])
    texts: dict[str, Any] = {name: text.strip() for name, text in substitute_localhost(given).items() if name in FIELDS}
    if "WORKER_POSTGRES_URL" not in used:
        # Not even looked at: it is somebody else's.
        texts.pop("WORKER_POSTGRES_URL", None)
    # So that problems can tell where a value is from.
    in_use = aliases.in_use(environ)
    texts |= {_SOURCE + name: in_use.get(name, name + SUFFIX) for name in texts if given[name] != environ.get(name)}
    return texts, problems


def default_text(variable: str) -> str:
    """The default of a variable as one would write it into the environment, or what stands for it."""
    field = FIELDS[variable]
    return _described_default(field) or kind_of(field).write(field.default)


def _described_default(field: FieldInfo) -> str | None:
    text: str | None = _extra(field)["default_text"]
    return text


def _extra(field: FieldInfo) -> dict[str, Any]:
    extra: Any = field.json_schema_extra
    assert isinstance(extra, dict)
    return extra


def _problem(variable: str, texts: Mapping[str, str], allowed: str) -> str:
    return f"{variable}{_shown(variable, texts)}: must be {allowed}{_service_link_hint(texts.get(variable, ''))}"


def _service_link_hint(text: str) -> str:
    if not SERVICE_LINK_VALUE.fullmatch(text):
        return ""
    return (
        ". Kubernetes sets such a variable for each Service: set `enableServiceLinks: false` in the pod's spec, or "
        "give the Service another name"
    )


def _broken(rule: Rule, texts: Mapping[str, str], value_of: checks.ValueOf) -> str:
    others = ", ".join(f"{name}{_shown(name, texts)}" for name in rule.variables[1:])
    return _problem(rule.variables[0], texts, rule.allowed) + (f" ({others})" if others else "")


def _shown(variable: str, texts: Mapping[str, str]) -> str:
    if variable in texts:
        source = texts.get(_SOURCE + variable)
        place = f" (from {source})" if source else ""
        return f"={kind_of(FIELDS[variable]).show(texts[variable])!r}{place}"
    described = _described_default(FIELDS[variable]) is not None
    return " is not set" if described else f" is not set, default {default_text(variable)}"


def _or_exactly(pattern: re.Pattern[str], name: str) -> re.Pattern[str]:
    return pattern if pattern.pattern else re.compile(re.escape(name))


def _interval(duration: timedelta) -> str:
    # In seconds: days of PostgreSQL's intervals follow the calendar of the session's time zone.
    seconds, microseconds = divmod(min(duration, _LONGEST_INTERVAL) // timedelta(microseconds=1), 10**6)
    return f"{seconds}.{microseconds:06d} seconds"
