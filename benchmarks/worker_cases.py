"""What the drain benchmark puts into a shard: rows as production has them, and messages about them.

Each case names the rows it needs (`rows`) and the messages (`messages`, a select of `key` (the ID that decides the
lane) and `body`). `$n` is the number of messages, `$policies` that of accounts; `$run` counts the runs, so that updates
are always newer.
"""

from __future__ import annotations

from dataclasses import dataclass

POLICIES = 200_000

CUSTOMERS = """
create schema bench;

-- 1,000 currencies with one collector each; five accounts a customer.
create function bench.customer(p_n bigint) returns bigint language sql immutable
return 1103806595072 + p_n / 5;

create function bench.debtor(p_n bigint) returns bigint language sql immutable
return 1001 + (p_n % 5) * 200 + (p_n / 5) % 200;

create function bench.collector(p_n bigint) returns bigint language sql immutable
return 1099511627776 - 1001 + bench.debtor(p_n);

create unlogged table bench.message (n bigint generated always as identity, lane int, body jsonb);

insert into worker.trading_policy (
  creditor_id, debtor_id, latest_ledger_update_id, latest_ledger_update_ts, account_id, creation_date, principal,
  latest_policy_update_id, latest_policy_update_ts, policy_name, min_principal, max_principal,
  peg_debtor_id, peg_exchange_rate, latest_flags_update_id, latest_flags_update_ts
)
select
  bench.customer(n), bench.debtor(n), 1, now(), 'account-' || n, '2026-01-01', 100000, 1, now(), 'conservative',
  50000, 200000, 1001, 0.5, 1, now()
from generate_series(0, $policies - 1) as n;

insert into worker.worker_account (
  creditor_id, debtor_id, creation_date, last_change_ts, last_change_seqnum, principal, interest, interest_rate,
  last_interest_rate_change_ts, last_config_ts, config_flags, negligible_amount, account_id, debtor_info_iri,
  last_transfer_number, last_transfer_committed_at, demurrage_rate, commit_period, transfer_note_max_bytes,
  last_heartbeat_ts
)
select
  bench.collector(n * 5 + d), bench.debtor(n * 5 + d), '2026-01-01', now(), 1, 1000000000, 0, 0,
  now() - interval '1 year', now(), 0, 1e30, 'collector-account-' || bench.debtor(n * 5 + d), 'https://example.com/',
  1, now(), -10, 2592000, 500, now()
from generate_series(0, 199) as n, generate_series(0, 4) as d;

insert into worker.worker_turn (
  turn_id, started_at, base_debtor_info_locator, base_debtor_id, max_distance_to_base, min_trade_amount, phase,
  collection_started_at, collection_deadline, worker_turn_subphase
)
select t, now() - interval '1 hour', 'https://example.com/base', 1001, 10, 1000, 3, now() - interval '10 minutes',
  now() + interval '30 days', 10
from generate_series(1, 2) as t;
"""

EMPTY = """
truncate worker.account_lock, worker.transfer_attempt, worker.dispatching_status, worker.worker_collecting,
  worker.worker_sending, worker.worker_receiving, worker.worker_dispatching, outbox.prepare_transfer,
  outbox.finalize_transfer, pgmq.q_out_account_id_response, pgmq.q_out_account_id_request, pgmq.q_out_trigger_transfer;
"""

_LOCKS = """
insert into worker.account_lock (
  creditor_id, debtor_id, turn_id, collector_id, initiated_at, coordinator_request_id, amount, collection_deadline,
  transfer_id, finalized_at
)
select
  bench.customer(n), bench.debtor(n), 1, bench.collector(n), now(), n + 1,
  case when n % 2 = 0 then -10000 else 10000 end, now() + interval '30 days', {transfer_id}, {finalized_at}
from generate_series(0, $n - 1) as n;
"""

_ATTEMPTS = """
insert into worker.transfer_attempt (
  collector_id, turn_id, debtor_id, creditor_id, is_dispatching, nominal_amount, collection_started_at, inserted_at,
  recipient, attempted_at, coordinator_request_id, final_interest_rate_ts, amount, transfer_id, finalized_at
)
select
  bench.collector(n), 1, bench.debtor(n), bench.customer(n), true, 10000, now(), now(),
  {recipient}, {attempted}
from generate_series(0, $n - 1) as n;
"""
_INITIATED = "now(), n + 1, now(), 9999, null, null"
_SETTLED = "now(), n + 1, now(), 9999, n + 1000000, now()"
_NEW = "null, null, null, null, null, null"

_COLLECTING = """
insert into worker.worker_collecting (collector_id, turn_id, debtor_id, creditor_id, amount, purge_after)
select bench.collector(n), 1, bench.debtor(n), bench.customer(n), 10000, now() + interval '60 days'
from generate_series(0, $n - 1) as n;
insert into worker.dispatching_status (
  collector_id, turn_id, debtor_id, inserted_at, amount_to_collect, amount_to_send, amount_to_receive,
  number_to_receive, amount_to_dispatch
)
select collector_id, 1, debtor_id, now(), sum(amount), 0, 0, 0, sum(amount)
from worker.worker_collecting group by 1, 2, 3;
"""

_DISPATCHING = """
insert into worker.worker_dispatching (collector_id, turn_id, debtor_id, creditor_id, amount, purge_after)
select bench.collector(n), 2, bench.debtor(n), bench.customer(n), 10000, now() + interval '60 days'
from generate_series(0, $n - 1) as n;
insert into worker.dispatching_status (
  collector_id, turn_id, debtor_id, inserted_at, amount_to_collect, amount_to_send, amount_to_receive,
  number_to_receive, amount_to_dispatch, started_sending, all_sent, started_dispatching, total_collected_amount,
  total_received_amount
)
select collector_id, 2, debtor_id, now(), sum(amount), 0, 0, 0, sum(amount), true, true, true, sum(amount), 0
from worker.worker_dispatching group by 1, 2, 3;
"""

_ANSWER = """
select {key} as key, jsonb_build_object(
  'type', '{type}', 'creditor_id', {key}, 'debtor_id', bench.debtor(n), 'coordinator_type', 'agent',
  'coordinator_id', {key}, 'coordinator_request_id', n + 1, {fields}, 'ts', '2026-03-01T02:00:00+00:00'
) as body
from generate_series(0, $n - 1) as n
"""
_PREPARED = """'transfer_id', n + 1000000, 'locked_amount', 20000, 'recipient', 'account-' || n,
  'prepared_at', '2026-03-01T02:00:00+00:00', 'demurrage_rate', -10.0, 'deadline', '2099-12-31T23:59:59+00:00',
  'final_interest_rate_ts', '9999-12-31T23:59:59+00:00'"""
_REJECTED = "'status_code', 'TIMEOUT', 'total_locked_amount', 0"
_FINALIZED = """'transfer_id', n + 1000000, 'committed_amount', {amount}, 'status_code', 'OK',
  'total_locked_amount', 0, 'prepared_at', '2026-03-01T02:00:00+00:00'"""
_CUSTOMER, _COLLECTOR = "bench.customer(n)", "bench.collector(n)"

_ATTEMPT_MESSAGE = """
select {key} as key, jsonb_build_object(
  'type', '{type}', 'collector_id', bench.collector(n), 'turn_id', 1, 'debtor_id', bench.debtor(n),
  'creditor_id', bench.customer(n), 'is_dispatching', {is_dispatching}, {fields} 'ts', '2026-03-01T02:00:00+00:00'
) as body
from generate_series(0, $n - 1) as n
"""

_UPDATE = """
select bench.customer(n) as key, jsonb_build_object(
  'type', '{type}', 'creditor_id', bench.customer(n), 'debtor_id', bench.debtor(n),
  'update_id', $run::bigint * 1000000 + i, {fields}, 'ts', '2026-03-01T02:00:00+00:00'
) as body
from generate_series(1, $n) as i
-- Any account, so some of them more than once, with updates of both orders.
cross join lateral (select floor(random() * $policies + i * 0)::bigint as n) as r
"""

_TRANSFER = """
select {key} as key, jsonb_build_object(
  'type', 'AccountTransfer', 'creditor_id', {key}, 'debtor_id', bench.debtor(n), 'creation_date', '2026-01-01',
  'transfer_number', n + 2, 'coordinator_type', 'agent', 'sender', 'account-1', 'recipient', 'account-2',
  'acquired_amount', {amount}, 'transfer_note_format', '-cXchge',
  'transfer_note', worker.transfer_note('{kind}', {turn}, bench.collector(n), bench.customer(n)),
  'committed_at', '2026-03-01T02:00:00+00:00', 'principal', 90000, 'previous_transfer_number', n + 1,
  'ts', '2026-03-01T02:00:00+00:00'
) as body
from generate_series({first}, $n - 1, 4) as n
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One type of message in one situation."""

    type: str
    situation: str
    rows: str
    messages: str
    target: int
    """Messages per second that the drain must reach."""


def _answers(type_: str, rows: str, situation: str, key: str, fields: str) -> Case:
    return Case(type_, situation, rows, _ANSWER.format(type=type_, key=key, fields=fields), 20_000)


def _update(type_: str, fields: str) -> Case:
    query = _UPDATE.format(type=type_, fields=fields)
    return Case(type_, "known accounts", "", query, 40_000)


def _attempt(type_: str, situation: str, rows: str, key: str = _COLLECTOR, fields: str = "") -> Case:
    is_dispatching = "false" if "unpaid" in fields else "true"
    query = _ATTEMPT_MESSAGE.format(type=type_, key=key, fields=fields, is_dispatching=is_dispatching)
    return Case(type_, situation, rows, query, 20_000)


_INITIATED_LOCKS = _LOCKS.format(transfer_id="null", finalized_at="null")
_PREPARED_LOCKS = _LOCKS.format(transfer_id="n + 1000000", finalized_at="case when n % 2 = 0 then now() end")
_COMMITTED_LOCKS = _PREPARED_LOCKS.replace("n % 2 = 0", "true")
_INITIATED_ATTEMPTS = _ATTEMPTS.format(recipient="'account-' || n", attempted=_INITIATED)
_SETTLED_ATTEMPTS = _ATTEMPTS.format(recipient="'account-' || n", attempted=_SETTLED)
_KNOWN_ATTEMPTS = _ATTEMPTS.format(recipient="'account-' || n", attempted=_NEW)
_UNKNOWN_ATTEMPTS = _ATTEMPTS.format(recipient="''", attempted=_NEW)

_FOUR_TRANSFERS = " union all ".join(
    _TRANSFER.format(key=key, amount=amount, kind=kind, turn=turn, first=first)
    for first, (kind, turn, key, amount) in enumerate(
        [
            ("collecting", 1, _CUSTOMER, -10000),
            ("dispatching", 1, _CUSTOMER, 10000),
            ("collecting", 1, _COLLECTOR, 10000),
            ("dispatching", 2, _COLLECTOR, -10000),
        ]
    )
)

CASES = (
    _update(
        "UpdatedLedger",
        "'account_id', 'account-' || n, 'creation_date', '2026-01-01', 'principal', i, 'last_transfer_number', i",
    ),
    _update(
        "UpdatedPolicy",
        "'policy_name', 'conservative', 'min_principal', i, 'max_principal', 200000, 'peg_debtor_id', 1001, "
        "'peg_exchange_rate', 0.25",
    ),
    _answers("PreparedTransfer", _INITIATED_LOCKS, "locks", _CUSTOMER, _PREPARED),
    _answers("PreparedTransfer", _INITIATED_ATTEMPTS, "attempts", _COLLECTOR, _PREPARED),
    _answers("RejectedTransfer", _INITIATED_LOCKS, "locks", _CUSTOMER, _REJECTED),
    _answers("RejectedTransfer", _INITIATED_ATTEMPTS, "attempts", _COLLECTOR, _REJECTED),
    _answers("FinalizedTransfer", _COMMITTED_LOCKS, "locks", _CUSTOMER, _FINALIZED.format(amount=10000)),
    _answers("FinalizedTransfer", _SETTLED_ATTEMPTS, "attempts", _COLLECTOR, _FINALIZED.format(amount=9999)),
    Case("AccountTransfer", "four kinds", _PREPARED_LOCKS + _COLLECTING + _DISPATCHING, _FOUR_TRANSFERS, 20_000),
    _attempt("TriggerTransfer", "due attempts", _KNOWN_ATTEMPTS),
    _attempt("TriggerTransfer", "unpaid", _COLLECTING, fields="'unpaid', 'collecting',"),
    _attempt("AccountIdRequest", "customers", "", key=_CUSTOMER),
    _attempt(
        "AccountIdResponse",
        "new attempts",
        _UNKNOWN_ATTEMPTS,
        fields="'account_id', 'account-' || n, 'account_id_version', 1,",
    ),
)
