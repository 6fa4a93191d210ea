"""The tables of the earlier service, as both of its releases leave them."""

from __future__ import annotations

REVISIONS = {"0.1.10": "88cd664f51a3", "1.0": "e056ba322b0b"}

_RESULTS = """
create table creditor_taking (turn_id integer, creditor_id bigint, debtor_id bigint, creditor_hash smallint not null,
  amount bigint not null check (amount > 0), collector_id bigint not null,
  primary key (turn_id, creditor_id, debtor_id));
create table creditor_giving (like creditor_taking including all);
create table collector_sending (turn_id integer, debtor_id bigint, from_collector_id bigint, to_collector_id bigint,
  from_collector_hash smallint not null, amount bigint not null check (amount > 0),
  primary key (turn_id, debtor_id, from_collector_id, to_collector_id));
"""

SOLVER = (
    """
create table alembic_version (version_num varchar(32) primary key);
create table collector_account (
  debtor_id bigint, collector_id bigint, collector_hash smallint not null, account_id varchar not null default '',
  status smallint not null default 0 check (status between 0 and 3),
  latest_status_change_at timestamptz not null default now(),
  primary key (debtor_id, collector_id) include (status)
);
create index on collector_account (status) where status = 0;
create table turn (
  turn_id serial primary key, started_at timestamptz not null default now(),
  base_debtor_info_locator varchar not null, base_debtor_id bigint not null check (base_debtor_id <> 0),
  max_distance_to_base smallint not null, min_trade_amount bigint not null,
  phase smallint not null default 1 check (phase between 1 and 4),
  phase_deadline timestamptz, collection_started_at timestamptz, collection_deadline timestamptz
);
create table sell_offer (turn_id integer, creditor_id bigint, debtor_id bigint, amount bigint not null,
  collector_id bigint not null, primary key (turn_id, creditor_id, debtor_id));
"""
    + _RESULTS
)

SOLVER_1_0 = """
create table hoarded_currency (turn_id integer, debtor_id bigint, peg_debtor_id bigint,
  peg_exchange_rate double precision, primary key (turn_id, debtor_id));
create table most_bought_currency (debtor_id bigint primary key, buyers_average_count real not null,
  debtor_info_locator varchar not null);
"""

WORKER = """
create table alembic_version (version_num varchar(32) primary key);
create sequence coordinator_request_id_seq;
create table needed_worker_account (creditor_id bigint, debtor_id bigint,
  configured_at timestamptz not null default now(), primary key (creditor_id, debtor_id));
create table worker_account (
  creditor_id bigint, debtor_id bigint, creation_date date not null, last_change_ts timestamptz not null,
  last_change_seqnum integer not null, principal bigint not null, interest double precision not null,
  interest_rate real not null, last_interest_rate_change_ts timestamptz not null, config_flags integer not null,
  account_id varchar not null, debtor_info_iri varchar, last_transfer_number bigint not null,
  last_transfer_committed_at timestamptz not null, demurrage_rate double precision not null,
  commit_period integer not null, transfer_note_max_bytes integer not null,
  last_heartbeat_ts timestamptz not null default now(), primary key (creditor_id, debtor_id)
);
create table interest_rate_change (creditor_id bigint, debtor_id bigint, change_ts timestamptz,
  interest_rate real not null, primary key (creditor_id, debtor_id, change_ts));
create table recently_needed_collector (debtor_id bigint primary key, needed_at timestamptz not null default now());
create table debtor_info_document (
  debtor_info_locator varchar primary key, debtor_id bigint not null, peg_debtor_info_locator varchar,
  peg_debtor_id bigint, peg_exchange_rate double precision, will_not_change_until timestamptz,
  fetched_at timestamptz not null default now()
);
create table debtor_locator_claim (
  debtor_id bigint primary key, debtor_info_locator varchar, latest_locator_fetch_at timestamptz,
  latest_discovery_fetch_at timestamptz not null default now(), forced_locator_refetch_at timestamptz
);
create table debtor_info_fetch (
  iri varchar, debtor_id bigint, is_locator_fetch boolean not null default false,
  is_discovery_fetch boolean not null default false, forced_iri varchar, recursion_level smallint not null default 0,
  inserted_at timestamptz not null default now(), attempts_count smallint not null default 0,
  latest_attempt_at timestamptz, latest_attempt_errorcode smallint, next_attempt_at timestamptz not null default now(),
  primary key (iri, debtor_id)
);
create table trading_policy (
  creditor_id bigint, debtor_id bigint,
  latest_ledger_update_id bigint not null default 0, latest_ledger_update_ts timestamptz not null default 'epoch',
  account_id varchar not null default '', account_id_is_obsolete boolean not null default false,
  creation_date date not null default '1970-01-01', principal bigint not null default 0,
  last_transfer_number bigint not null default 0,
  latest_policy_update_id bigint not null default 0, latest_policy_update_ts timestamptz not null default 'epoch',
  policy_name varchar, min_principal bigint not null default -9223372036854775808,
  max_principal bigint not null default 9223372036854775807, peg_debtor_id bigint, peg_exchange_rate double precision,
  latest_flags_update_id bigint not null default 0, latest_flags_update_ts timestamptz not null default 'epoch',
  config_flags integer not null default 0, primary key (creditor_id, debtor_id)
);
create table worker_turn (
  turn_id integer primary key, started_at timestamptz not null, base_debtor_info_locator varchar not null,
  base_debtor_id bigint not null, max_distance_to_base smallint not null, min_trade_amount bigint not null,
  phase smallint not null, phase_deadline timestamptz, collection_started_at timestamptz,
  collection_deadline timestamptz, worker_turn_subphase smallint not null default 0
);
create table account_lock (
  creditor_id bigint, debtor_id bigint, turn_id integer not null, collector_id bigint not null,
  initiated_at timestamptz not null default now(),
  coordinator_request_id bigint not null default nextval('coordinator_request_id_seq') unique, amount bigint not null,
  transfer_id bigint, finalized_at timestamptz, released_at timestamptz, account_creation_date date,
  account_last_transfer_number bigint, has_been_revised boolean not null default false,
  primary key (creditor_id, debtor_id)
);
create table creditor_participation (creditor_id bigint, debtor_id bigint, turn_id integer, amount bigint not null,
  collector_id bigint not null, primary key (creditor_id, debtor_id, turn_id));
create table dispatching_status (
  collector_id bigint, turn_id integer, debtor_id bigint, inserted_at timestamptz not null default now(),
  amount_to_collect bigint not null, amount_to_send bigint not null, amount_to_receive bigint not null,
  number_to_receive integer not null, amount_to_dispatch bigint not null, total_collected_amount bigint,
  total_received_amount bigint, started_sending boolean not null default false, all_sent boolean not null default false,
  all_received boolean not null default false, started_dispatching boolean not null default false,
  awaiting_signal_flag boolean not null default false, primary key (collector_id, turn_id, debtor_id)
);
create table worker_collecting (collector_id bigint, turn_id integer, debtor_id bigint, creditor_id bigint,
  amount bigint not null, collected boolean not null default false, purge_after timestamptz not null,
  primary key (collector_id, turn_id, debtor_id, creditor_id));
create table worker_sending (from_collector_id bigint, turn_id integer, debtor_id bigint, to_collector_id bigint,
  amount bigint not null, purge_after timestamptz not null,
  primary key (from_collector_id, turn_id, debtor_id, to_collector_id));
create table worker_receiving (to_collector_id bigint, turn_id integer, debtor_id bigint, from_collector_id bigint,
  expected_amount bigint not null, received_amount bigint not null default 0, purge_after timestamptz not null,
  primary key (to_collector_id, turn_id, debtor_id, from_collector_id));
create table worker_dispatching (collector_id bigint, turn_id integer, debtor_id bigint, creditor_id bigint,
  amount bigint not null, purge_after timestamptz not null,
  primary key (collector_id, turn_id, debtor_id, creditor_id));
create table prepare_transfer_signal (signal_id bigserial primary key, creditor_id bigint not null);
create table trigger_transfer_signal (signal_id bigserial primary key, collector_id bigint not null);
"""

_ATTEMPT = """
create table transfer_attempt (
  collector_id bigint, turn_id integer, debtor_id bigint, creditor_id bigint, {kind},
  nominal_amount double precision not null, collection_started_at timestamptz not null,
  inserted_at timestamptz not null default now(), recipient varchar not null default '',
  recipient_version bigint not null default -9223372036854775808, rescheduled_for timestamptz,
  attempted_at timestamptz, coordinator_request_id bigint, final_interest_rate_ts timestamptz, amount bigint,
  transfer_id bigint, finalized_at timestamptz, failure_code smallint, backoff_counter smallint not null default 0,
  fatal_error varchar, primary key (collector_id, turn_id, debtor_id, creditor_id, {key})
);
"""

WORKER_0_1_10 = _ATTEMPT.format(kind="is_dispatching boolean", key="is_dispatching") + (
    "create table active_collector (debtor_id bigint, collector_id bigint, account_id varchar not null,"
    " primary key (debtor_id, collector_id));"
)

WORKER_1_0 = (
    _ATTEMPT.format(kind="transfer_kind smallint check (transfer_kind between 0 and 2)", key="transfer_kind")
    + """
alter table needed_worker_account add collection_disabled_since timestamptz,
  add blocked_amount bigint not null default 0, add blocked_amount_ts timestamptz not null default 'epoch';
alter table worker_account add surplus_amount bigint not null default 0,
  add surplus_ts timestamptz not null default 'epoch', add surplus_spent_amount bigint not null default 0,
  add surplus_last_transfer_number bigint not null default 0,
  add last_surplus_moving_turn_id integer not null default -2147483648;
alter table account_lock add max_locked_amount bigint not null default 9223372036854775807,
  add is_collector boolean not null default false;
create table usable_collector (debtor_id bigint, collector_id bigint, account_id varchar not null,
  disabled_at timestamptz, primary key (debtor_id, collector_id));
create table worker_hoarded_currency (debtor_id bigint primary key);
create table collector_status_change (change_id bigserial primary key, collector_id bigint not null);
create table needed_collector_account (debtor_id bigint, collector_id bigint, primary key (debtor_id, collector_id));
create table delayed_account_transfer (
  turn_id integer, message_id bigserial, creditor_id bigint not null, debtor_id bigint not null,
  creation_date date not null, transfer_number bigint not null, coordinator_type varchar not null,
  committed_at timestamptz not null, acquired_amount bigint not null, transfer_note_format varchar not null,
  transfer_note varchar not null, principal bigint not null, previous_transfer_number bigint not null,
  sender varchar not null, recipient varchar not null, ts timestamptz not null, primary key (turn_id, message_id)
);
"""
)


def solver_tables(release: str) -> str:
    return SOLVER + (SOLVER_1_0 if release == "1.0" else "")


def worker_tables(release: str) -> str:
    return WORKER + (WORKER_1_0 if release == "1.0" else WORKER_0_1_10)
