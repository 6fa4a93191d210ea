"""What `configure` lets each role do: walked over every table and every function, and tried."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest

from sandbox.servers.postgres import PrivateServer, server_programs
from sql import KINDS, Kind, Purpose, roles
from sql.install import ConfigureError, configure, make_plan
from tests.conftest import Connection, skip_or_fail
from tests.databases import connection_to

ROLES: tuple[Purpose, ...] = ("reader", "operator", "service")
NOBODIES = ("stranger", "pg_monitor")

# s: select, i: insert, u: update, d: delete, t: truncate. The first line that fits counts.
TABLES = """
table                              reader  operator  service
worker.applied_file                s       s         s
worker.granted_role                -       -         -
worker.configuration               s       s         siud
worker.identity                    s       s         su
worker.failed_transfer             -       s         siud
worker.set_aside_decision          -       -         s
worker.transfer_decision           -       -         s
worker.operator_action             -       -         s
worker.staged_participation        -       -         siudt
worker.staged_collector_payment    -       -         siudt
worker.*                           -       -         siud
outbox.*                           -       -         siud
pgmq.q_*                           -       -         siud
pgmq.a_*                           -       -         siud
pgmq.meta                          -       -         s
pgmq.*                             -       -         -
solver.applied_file                s       s         s
solver.granted_role                -       -         -
solver.installation                -       -         s
solver.operator_action             -       -         s
solver.transfer_statistic          s       s         siud
solver.*                           -       -         siud
"""

# x: execute. d: with the owner's rights, which also those have who may call it.
FUNCTIONS = """
function                           reader  operator  service
worker.now                         x       x         x
worker.compatibility_number        x       x         x
worker.queue_figures               d       d         d
worker.turn_figures                d       d         d
worker.account_figures             d       d         d
worker.doubt_figures               d       d         d
worker.turn_progress               -       d         d
worker.held_transfers              -       d         d
worker.list_expected_payments      -       d         d
worker.lost_payments               -       d         d
worker.unexplained_balances        -       d         d
worker.catch_up_request_ids        -       -         d
worker.decide_transfer             -       d         d
worker.decide_expected_payment     -       d         d
worker.adopt_held_account          -       d         d
worker.discard_held_account        -       d         d
worker.list_actions                -       d         d
worker.note_action                 -       -         d
worker.delete_old_actions          -       -         d
worker.end_doubts                  -       -         d
worker.held_accounts               -       d         d
worker.own_ids                     -       d         d
worker.trader_locks                -       d         d
worker.trader_payments             -       d         d
worker.collector_account           -       d         d
worker.collector_payments          -       d         d
worker.collector_turns             -       d         d
worker.queue_state                 -       d         d
worker.queue_messages              -       d         d
worker.connected_processes         -       d         d
worker.list_set_aside              -       d         d
worker.find_set_aside              -       d         d
worker.list_set_aside_decisions    -       d         d
worker.replay_set_aside            -       d         d
worker.discard_set_aside           -       d         d
worker.delete_old_decisions        -       -         d
worker.stamp_staging               -       -         d
worker.bind_identity               -       -         -
worker.accept_empty                -       -         -
worker.*                           -       -         x
pgmq.*                             -       -         -
solver.now                         x       x         x
solver.compatibility_number        x       x         x
solver.installation_id             d       d         d
solver.turn_figures                d       d         d
solver.list_turns                  d       d         d
solver.turn_statistics             d       d         d
solver.count_all_collectors        d       d         d
solver.most_bought_currencies      -       d         d
solver.count_collectors            d       d         d
solver.list_shards                 d       d         d
solver.shard_problems              d       d         d
solver.count_shard_problems        d       d         d
solver.step_back_status            d       d         d
solver.find_turns                  -       d         d
solver.phase_starts                -       d         d
solver.count_turn_rows             -       d         d
solver.debtor_collectors           -       d         d
solver.find_collectors             -       d         d
solver.collector_state             -       d         d
solver.is_blocked                  -       d         d
solver.ensure_collectors           -       d         d
solver.list_actions                -       d         d
solver.note_action                 -       -         d
solver.delete_old_actions          -       -         d
solver.keeps_archive               -       x         x
solver.archived_*                  -       d         d
solver.keep_beside_archive         -       d         d
solver.overdue_turns               -       -         d
solver.end_step_back               -       -         d
solver.make_installation           -       -         -
solver.*                           -       -         x
"""

_TABLE_RIGHTS = """
select c.relnamespace::regnamespace || '.' || c.relname,
  concat(
    case when has_table_privilege(%(role)s, c.oid, 'select') then 's' end,
    case when has_table_privilege(%(role)s, c.oid, 'insert') then 'i' end,
    case when has_table_privilege(%(role)s, c.oid, 'update') then 'u' end,
    case when has_table_privilege(%(role)s, c.oid, 'delete') then 'd' end,
    case when has_table_privilege(%(role)s, c.oid, 'truncate') then 't' end,
    case when has_table_privilege(%(role)s, c.oid, 'references, trigger') then '!' end
  )
from pg_class as c
where c.relkind in ('r', 'v', 'p', 'm', 'f') and c.relnamespace::regnamespace::text = any(%(schemas)s)
order by 1
"""
_FUNCTION_RIGHTS = """
select p.pronamespace::regnamespace || '.' || p.proname,
  case
    when not has_function_privilege(%(role)s, p.oid, 'execute') then ''
    when p.prosecdef then 'd'
    else 'x'
  end
from pg_proc as p
where p.pronamespace::regnamespace::text = any(%(schemas)s)
order by 1
"""
_OTHER_RIGHTS = """
select 'schema ' || n.nspname
from pg_namespace as n
where n.nspname = any(%(schemas)s)
  and has_schema_privilege(%(role)s, n.oid, case when %(may_use)s then 'create' else 'create, usage' end)
union all
select 'sequence ' || c.relname
from pg_class as c
where c.relnamespace::regnamespace::text = any(%(schemas)s)
  and case
    when c.relkind = 'S'
      then has_sequence_privilege(%(role)s, c.oid, case when %(may_count)s then 'update' else 'usage, update' end)
  end
union all
select 'default of ' || defaclnamespace::regnamespace
from pg_default_acl
"""

_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["oldest", pytest.param("newest", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    programs = server_programs()
    if request.param == "newest" and len(programs) < 2:
        skip_or_fail("there is only one PostgreSQL here")
    with PrivateServer(programs[min(programs) if request.param == "oldest" else max(programs)]) as running:
        with running.admin() as admin:
            for role in ("owner", "stranger", "other", *ROLES):
                admin.execute(f"create role {role} login".encode())
        yield running


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    value: Kind = request.param
    return value


@pytest.fixture
def connect(server: PrivateServer, kind: Kind) -> Iterator[Callable[[str], Connection]]:
    """Call it with a role to connect to a database that belongs to `owner`."""
    database = f"roles_{next(_numbers)}"
    opened: list[Connection] = []
    with server.admin() as admin:
        admin.execute(f"create database {database} owner owner".encode())

    def open_as(role: str) -> Connection:
        opened.append(connection_to(server.database_url(database, user=role)))
        return opened[-1]

    yield open_as
    for connection in opened:
        connection.close()


def expected(table: str, name: str, column: int) -> str:
    """What the table says about a name."""
    for line in table.strip().splitlines()[1:]:
        pattern, *cells = line.split()
        if fnmatch.fnmatchcase(name, pattern):
            return cells[column].replace("-", "")
    raise AssertionError(f"nothing is said about {name}")


def differences(owner: Connection, kind: Kind, role: str, column: int | None) -> list[str]:
    """Where the rights of a role are not those in the tables; None: a role without any."""
    parameters = {
        "role": role,
        "schemas": list(roles.SCHEMAS[kind]),
        "may_use": column is not None,
        "may_count": column == ROLES.index("service"),
    }
    found = [row[0] for row in owner.execute(_OTHER_RIGHTS, parameters).fetchall()]
    for table, query in ((TABLES, _TABLE_RIGHTS), (FUNCTIONS, _FUNCTION_RIGHTS)):
        rows = owner.execute(query, parameters).fetchall()  # type: ignore[arg-type]
        assert rows
        for name, rights in rows:
            wanted = "" if column is None else expected(table, name, column)
            if rights != wanted:
                found.append(f"{name}: {rights or '-'} instead of {wanted or '-'}")
    return found


@pytest.fixture(scope="module")
def lookers(server: PrivateServer) -> Iterator[dict[Kind, Connection]]:
    """Connections of the owner to databases that nobody changes."""
    found: dict[Kind, Connection] = {}
    for kind in KINDS:
        with server.admin() as admin:
            admin.execute(f"create database looked_at_{kind} owner owner".encode())
        found[kind] = connection_to(server.database_url(f"looked_at_{kind}", user="owner"))
        configure(found[kind], kind, grants={role: role for role in ROLES})
    yield found
    for connection in found.values():
        connection.close()


@pytest.fixture
def looker(lookers: dict[Kind, Connection], kind: Kind) -> Connection:
    return lookers[kind]


@pytest.fixture
def owner(connect: Callable[[str], Connection], kind: Kind) -> Connection:
    """The owner's connection, to a database where each role has its purpose."""
    connection = connect("owner")
    configure(connection, kind, grants={role: role for role in ROLES})
    return connection


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_the_rights_in_the_tables(looker: Connection, kind: Kind, role: Purpose) -> None:
    assert differences(looker, kind, role, ROLES.index(role)) == []


@pytest.mark.parametrize("role", NOBODIES)
def test_nobody_else_has_any(looker: Connection, kind: Kind, role: str) -> None:
    assert differences(looker, kind, role, None) == []


def test_every_line_of_the_tables_is_about_something(looker: Connection, kind: Kind) -> None:
    schemas = list(roles.SCHEMAS[kind])
    for table, query in ((TABLES, _TABLE_RIGHTS), (FUNCTIONS, _FUNCTION_RIGHTS)):
        names = [row[0] for row in looker.execute(query, {"role": "owner", "schemas": schemas})]  # type: ignore[arg-type]
        for line in table.strip().splitlines()[1:]:
            pattern = line.split()[0]
            if pattern.split(".")[0] in schemas:
                assert fnmatch.filter(names, pattern), pattern


def test_roles_are_remembered(owner: Connection, kind: Kind) -> None:
    """What a later release adds, roles get without being named again; a role that is gone is forgotten."""
    owner.execute(f"delete from {kind}.applied_file where file like '%now.sql'".encode())
    owner.execute(f"revoke all on all tables in schema {kind} from service".encode())
    owner.execute(f"grant select on {kind}.applied_file to public".encode())
    configure(owner, kind)
    assert differences(owner, kind, "service", ROLES.index("service")) == []
    assert differences(owner, kind, "stranger", None) == []
    owner.execute(f"insert into {kind}.granted_role values ('gone', 'reader')".encode())
    lines: list[str] = []
    configure(owner, kind, lines.append, {"other": "reader"})
    assert lines == [f"{kind}: gone is nothing from now on", f"{kind}: other is a reader from now on"]
    assert roles.granted(owner, kind) == {role: role for role in ROLES} | {"other": "reader"}


def test_a_role_loses_its_rights(owner: Connection, kind: Kind) -> None:
    lines: list[str] = []
    configure(owner, kind, lines.append, {"service": None, "operator": "reader"})
    assert lines == [f"{kind}: operator is a reader from now on", f"{kind}: service is nothing from now on"]
    assert differences(owner, kind, "service", None) == []
    assert differences(owner, kind, "operator", ROLES.index("reader")) == []
    assert configure(owner, kind).is_empty
    owner.execute(f"delete from {kind}.applied_file where file like '%/rights/reader.sql'".encode())
    assert [file.name for file in make_plan(owner, kind).rights] == [f"{kind}/rights/reader.sql"]


@pytest.mark.parametrize(
    ("role", "problem"), [("gone", "does not exist"), ("owner", "owns the database"), ("postgres", "is a superuser")]
)
def test_a_wrong_role_is_named_before_anything_is_done(
    connect: Callable[[str], Connection], kind: Kind, role: str, problem: str
) -> None:
    connection = connect("owner")
    with pytest.raises(ConfigureError, match=f"{kind} database: the role {role} {problem}"):
        configure(connection, kind, grants={role: "reader"})
    assert connection.execute("select to_regnamespace(%s)", (kind,)).fetchone() == (None,)


def test_a_role_may_have_any_name(server: PrivateServer, owner: Connection, kind: Kind) -> None:
    name = 'Mallory"; drop schema %s \\1 the_role'
    with server.admin() as admin:
        admin.execute(b'create role "Mallory""; drop schema %s \\1 the_role"')
        configure(owner, kind, grants={name: "reader"})
        assert differences(owner, kind, name, ROLES.index("reader")) == []
        configure(owner, kind, grants={name: None})
        admin.execute(b'drop role "Mallory""; drop schema %s \\1 the_role"')


@pytest.mark.parametrize("kind", ["worker"], indirect=True)
def test_decisions_can_only_be_added(owner: Connection, connect: Callable[[str], Connection]) -> None:
    """Of what operators decided nobody but the owner takes anything away, except what is older than a year."""
    owner.execute(
        "insert into worker.set_aside (queue, message_type, body, sqlstate, error, failures, set_aside_at)"
        " select 'inbox_0', 'X', '{\"secret\": 1}', '22000', 'wrong', 2, worker.now() from generate_series(1, 3)"
    )
    operator, service, reader = connect("operator"), connect("service"), connect("reader")
    assert len(operator.execute("select * from worker.list_set_aside(null, 10)").fetchall()) == 3
    assert operator.execute("select worker.discard_set_aside(array[1, 2], 'anna')").fetchone() == (2,)
    assert operator.execute("select worker.replay_set_aside(array[3])").fetchone() == (1,)
    decisions = "select decided_by from worker.list_set_aside_decisions(null, 10)"
    assert operator.execute(decisions).fetchall() == [("operator",), ("anna",), ("anna",)]
    assert owner.execute("select message ->> 'secret' from pgmq.q_inbox_0").fetchall() == [("1",)]
    owner.execute(
        "update worker.set_aside_decision set decided_at = decided_at - interval '2 years' where set_aside_id = 1"
    )
    for statement in (
        "delete from worker.set_aside_decision",
        "update worker.set_aside_decision set decided_by = 'boris'",
        "insert into worker.set_aside_decision select * from worker.list_set_aside_decisions(null, 10)",
        "truncate worker.set_aside_decision",
    ):
        for connection in (operator, service, reader):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    for statement in (
        "select message from pgmq.q_inbox_0",
        "select body from worker.set_aside",
        "table worker.set_aside_decision",
    ):
        for connection in (operator, reader):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    assert reader.execute("select messages from worker.queue_figures(10) where queue = 'inbox_0'").fetchone() == (1,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        operator.execute("select worker.delete_old_decisions(10)")
    assert service.execute("select worker.delete_old_decisions(10)").fetchone() == (1,)
    assert owner.execute("select count(*) from worker.set_aside_decision").fetchone() == (2,)
