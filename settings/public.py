"""The public settings: one class a concern, one field an environment variable of the same name in upper case.

Allowed ranges are in `settings.checks`; the class that joins all groups is `settings.config.Config`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from settings.parsers import (
    BINDING_KEY,
    BOOLEAN,
    DATABASE_URL,
    DURATION,
    ID,
    INTEGER,
    MEMORY,
    NAMES,
    NUMBER,
    SECONDS,
    TEXT,
    URL,
)

S, W, A, C = "solver", "worker", "webserver", "configure"


def setting(default: object, meaning: str, *used_by: str, default_text: str | None = None, secret: bool = False) -> Any:
    """A field: its value when the variable is not set, what it means, and who reads it.

    `default_text` is for the documentation, when the default does not speak for itself. A secret is never printed.
    """
    extra: dict[str, Any] = {"used_by": list(used_by), "default_text": default_text}
    return Field(default, description=meaning, repr=not secret, json_schema_extra=extra)


class SettingsGroup(BaseSettings):
    """Settings that belong together. The docstring introduces them in the documentation."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=str.upper,
        validate_default=False,
        hide_input_in_errors=True,
    )
    title: ClassVar[str]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `settings.config.load` hands over: it decides which environment counts and what a role ignores."""
        return (init_settings,)


class Databases(SettingsGroup):
    """PostgreSQL servers. URLs may name a driver, as in `postgresql+psycopg://…`; both may point to one server."""

    title = "Databases"
    solver_postgres_url: Annotated[str, DATABASE_URL] = setting(
        "", "The solver's database", S, W, A, C, default_text="none, required", secret=True
    )
    solver_client_pool_size: Annotated[int, INTEGER] = setting(
        0, "Most connections of one process to the solver's database; 0 = no limit", S, W, A
    )
    solver_increased_work_mem: Annotated[str, MEMORY] = setting(
        "50MB", "work_mem of the sessions that run large queries in the solver's database", S, W
    )
    worker_postgres_url: Annotated[str, DATABASE_URL] = setting(
        "", "The database of this worker; the others ignore it", W, C, default_text="none, required", secret=True
    )


class Turns(SettingsGroup):
    """When trading turns start, and how long their phases take."""

    title = "Turns"
    turn_period: Annotated[timedelta, DURATION] = setting(
        timedelta(days=1), "Time between the starting points of turns; 0 = start none", S
    )
    turn_period_offset: Annotated[timedelta, DURATION] = setting(
        timedelta(hours=2), "Shifts the starting points, which are counted from Monday 2024-01-01T00:00Z", S
    )
    turn_phase1_duration: Annotated[timedelta, DURATION] = setting(
        timedelta(minutes=10), "Length of phase 1, in which workers tell the solver about currencies", S
    )
    turn_phase2_duration: Annotated[timedelta, DURATION] = setting(
        timedelta(hours=1), "Length of phase 2, in which workers send the solver their offers", S
    )
    turn_check_interval: Annotated[timedelta, DURATION] = setting(
        timedelta(seconds=60), "How often the solver looks whether a turn has to start or to advance", S
    )


class Trading(SettingsGroup):
    """What is traded, and how. Settings used by solver and worker have to be equal everywhere."""

    title = "Trading"
    min_collector_id: Annotated[int, ID] = setting(
        0x10000000000, "Lowest ID of collector accounts; when not set, a worker has the range of its database", S, W, A
    )
    max_collector_id: Annotated[int, ID] = setting(
        0x100000007FF, "Highest ID of collector accounts, inclusive", S, W, A
    )
    base_debtor_info_locator: Annotated[str, TEXT] = setting(
        "", "Where the document of the base currency is", S, default_text="none, required"
    )
    base_debtor_id: Annotated[int | None, ID] = setting(
        None, "Debtor ID of the base currency", S, default_text="none, required"
    )
    max_distance_to_base: Annotated[int, INTEGER] = setting(
        10, "Longest chain of pegs from a traded currency to the base currency", S, W
    )
    min_trade_amount: Annotated[int, INTEGER] = setting(
        1000, "Smallest amount of a trade; workers get it with the turn", S
    )
    transfers_healthy_max_commit_delay: Annotated[timedelta, DURATION] = setting(
        timedelta(hours=2),
        "Deadline for finishing an outgoing transfer, and shortest pause before it is tried again; "
        "twice TURN_PHASE2_DURATION is a good value",
        W,
    )
    transfers_amount_cut: Annotated[float, NUMBER] = setting(
        1e-5, "Share of every outgoing transfer that is kept back", W
    )
    transfers_collector_limit: Annotated[int, INTEGER] = setting(
        100000,
        "Most transfers of one collector account in a turn: a currency that had more gets more accounts for the next "
        "turn; 0 = no limit",
        S,
    )
    offers_pouring_duration: Annotated[timedelta | None, DURATION] = setting(
        None,
        "Workers hand over their offers this long before phase 2 ends",
        W,
        default_text="APP_TURN_PHASE_CUSHION_PERIOD, but not longer than 10% of phases 1 and 2",
    )
    owner_creditor_id: Annotated[int | None, ID] = setting(
        None,
        "Creditor ID of the customer who owns the service: as a user of the admin Web API it may read everything, and "
        "change nothing",
        A,
        default_text="none",
    )


class Broker(SettingsGroup):
    """RabbitMQ, and the processes that take messages from it or send messages to it."""

    title = "Message broker"
    protocol_broker_url: Annotated[str, URL] = setting(
        "amqp://guest:guest@localhost:5672",
        "Address of RabbitMQ; all nodes of a cluster, with commas between them",
        W,
        C,
        secret=True,
    )
    protocol_broker_queue: Annotated[str, TEXT] = setting("swpt_trade", "Queue to consume", W, C)
    protocol_broker_queue_routing_key: Annotated[str, BINDING_KEY] = setting(
        "#", "Binding key of the queue: the part of all keys that this shard owns", W, C
    )
    protocol_broker_processes: Annotated[int, INTEGER] = setting(1, "Consumer processes; 0 = do not consume", W)
    protocol_broker_threads: Annotated[int, INTEGER] = setting(
        1, "Threads of each consumer process that apply messages", W
    )
    protocol_broker_prefetch_count: Annotated[int, INTEGER] = setting(
        1,
        "Most unacknowledged messages of a consumer process; 0 = no limit that matters. "
        "With 1, each message is a transaction; 1000 or more is many times faster, and loses nothing",
        W,
    )
    protocol_broker_prefetch_size: Annotated[int, INTEGER] = setting(
        0, "There for completeness only: RabbitMQ knows no limit in bytes", W
    )
    internal_broker_url: Annotated[str, URL] = setting(
        "",
        "A RabbitMQ of its own for the messages between shards. Empty, or with a host, port and virtual host of "
        "PROTOCOL_BROKER_URL: they go by that one",
        W,
        C,
        default_text="PROTOCOL_BROKER_URL",
        secret=True,
    )
    internal_broker_queue: Annotated[str, TEXT] = setting(
        "", "Queue to consume there", W, C, default_text="PROTOCOL_BROKER_QUEUE with `-internal` after it"
    )
    internal_broker_processes: Annotated[int, INTEGER] = setting(
        1, "Processes that consume that queue; 0 = do not consume", W
    )
    internal_broker_threads: Annotated[int, INTEGER] = setting(
        1, "Threads of each of these processes that apply messages", W
    )
    internal_broker_prefetch_count: Annotated[int, INTEGER] = setting(
        1, "The same as PROTOCOL_BROKER_PREFETCH_COUNT, for these processes", W
    )
    internal_broker_prefetch_size: Annotated[int, INTEGER] = setting(
        0, "There for completeness only: RabbitMQ knows no limit in bytes", W
    )
    flush_processes: Annotated[int, INTEGER] = setting(1, "Processes that send messages; 0 = do not send", W)
    flush_period: Annotated[timedelta, SECONDS] = setting(
        timedelta(seconds=2), "Time from the start of one round of sending to the start of the next", W
    )
    delete_parent_shard_records: Annotated[bool, BOOLEAN] = setting(
        False, "Split the parent's database, and delete the records that the split left in the wrong shard", W, C
    )
    setup_rabbitmq_bindings: Annotated[str, TEXT] = setting(
        "", "Exactly `yes` makes `configure` declare exchanges, queues and bindings", C
    )


class WorkerProcesses(SettingsGroup):
    """Fetching documents, trying transfers again, and setting up collector accounts."""

    title = "Worker processes"
    http_fetch_processes: Annotated[int, INTEGER] = setting(1, "Processes that fetch documents; 0 = none", W)
    http_fetch_connections: Annotated[int, INTEGER] = setting(100, "Parallel connections of each of them", W)
    http_fetch_timeout: Annotated[timedelta, SECONDS] = setting(timedelta(seconds=10), "Longest time of a request", W)
    http_fetch_period: Annotated[timedelta, DURATION] = setting(
        timedelta(seconds=5), "Time from one look for due documents to the next", W
    )
    http_fetch_ssl_cert_file: Annotated[str, TEXT] = setting(
        "",
        "PEM file with the authorities that may have signed the certificates of documents' servers",
        W,
        default_text="those that come with this service",
    )
    trigger_transfers_processes: Annotated[int, INTEGER] = setting(
        1, "Processes that try postponed transfers again; 0 = none", W
    )
    trigger_transfers_period: Annotated[timedelta, SECONDS] = setting(
        timedelta(seconds=5), "Time from one look for due transfers to the next", W
    )
    handle_pristine_collectors_threads: Annotated[int, INTEGER] = setting(
        1, "Threads that set up new collector accounts", W
    )
    handle_pristine_collectors_period: Annotated[timedelta, SECONDS] = setting(
        timedelta(seconds=60), "Time from one look for new collector accounts to the next", W
    )


class WebServer(SettingsGroup):
    """The admin Web API, and the check of tokens in front of it."""

    title = "Web server"
    webserver_processes: Annotated[int, INTEGER] = setting(1, "Server processes", A)
    webserver_threads: Annotated[int, INTEGER] = setting(3, "Threads of each of them", A)
    webserver_port: Annotated[int, INTEGER] = setting(8080, "Port that the public connects to", A)
    oauth2_introspect_url: Annotated[str, URL] = setting(
        "", "Where to ask what a token is good for", A, default_text="none, required", secret=True
    )
    oauth2_superuser_username: Annotated[str, TEXT] = setting("creditors-superuser", "User name of the superuser", A)
    oauth2_supervisor_username: Annotated[str, TEXT] = setting(
        "creditors-supervisor", "User name of the supervisor, who has the same rights for now", A
    )


class Logging(SettingsGroup):
    """Everything is logged to the standard output, one record a line."""

    title = "Logging"
    app_log_level: Annotated[str, TEXT] = setting("warning", "Least important level that is logged", S, W, A, C)
    app_log_format: Annotated[str, TEXT] = setting("text", "Lines for people, or JSON objects", S, W, A, C)
    app_associated_loggers: Annotated[tuple[str, ...], NAMES] = setting(
        (), "Loggers of libraries that APP_LOG_LEVEL applies to; others log from `warning` up", S, W, A, C
    )
    substitute_localhost_in_vars: Annotated[tuple[str, ...], NAMES] = setting(
        (),
        "Variables in which `localhost` right after `//` or `@` means the machine that runs this container; "
        "for development",
        S,
        W,
        A,
        C,
    )


PUBLIC_GROUPS: tuple[type[SettingsGroup], ...] = (
    Databases,
    Turns,
    Trading,
    Broker,
    WorkerProcesses,
    WebServer,
    Logging,
)
