-- The collectors' side of phase 3: what was promised to them and by them, and the payments they make.

create type worker.dispatching_key as (collector_id bigint, turn_id integer, debtor_id bigint);

comment on type worker.dispatching_key is 'Key of worker.dispatching_status.';

create type worker.expected_payment as (
  kind text collate "C",
  collector_id bigint,
  turn_id integer,
  debtor_id bigint,
  other_id bigint,
  amount bigint
);

comment on type worker.expected_payment is
  'A payment (tokens) that reached a collector, or without an amount the certainty that it will never come. '
  'kind: collecting (other_id is a seller) or sending (other_id is another collector).';

create type worker.transfer_attempt_key as (
  collector_id bigint,
  turn_id integer,
  debtor_id bigint,
  creditor_id bigint,
  is_dispatching boolean
);

comment on type worker.transfer_attempt_key is 'Key of worker.transfer_attempt.';

create table worker.dispatching_status (
  collector_id bigint not null,
  turn_id integer not null,
  debtor_id bigint not null,
  inserted_at timestamptz not null,
  amount_to_collect bigint not null check (amount_to_collect >= 0),
  amount_to_send bigint not null check (amount_to_send >= 0),
  amount_to_receive bigint not null check (amount_to_receive >= 0),
  number_to_receive integer not null check (number_to_receive >= 0),
  amount_to_dispatch bigint not null check (amount_to_dispatch >= 0),
  self_taken_amount bigint not null default 0 check (self_taken_amount >= 0),
  total_collected_amount bigint check (total_collected_amount between 0 and amount_to_collect),
  total_received_amount bigint check (total_received_amount >= 0),
  started_sending boolean not null default false,
  all_sent boolean not null default false,
  all_received boolean not null default false,
  started_dispatching boolean not null default false,
  awaiting_signal_flag boolean not null default false,
  key_hash integer not null generated always as (worker.hash32(collector_id)) stored,
  primary key (collector_id, turn_id, debtor_id)
  include (started_sending, all_sent, started_dispatching, awaiting_signal_flag),
  check (amount_to_send - amount_to_collect <= self_taken_amount),
  check (started_sending = (total_collected_amount is not null)),
  check (started_sending or not all_sent),
  check (not all_received or total_received_amount is not null),
  check (started_dispatching = (all_sent and total_received_amount is not null))
);

comment on table worker.dispatching_status is
  'How far a collector got with moving the money of a turn: collect, send, receive, dispatch. Amounts in tokens. '
  'Key: collector_id.';

comment on column worker.dispatching_status.self_taken_amount is
  'Tokens that the collector sells itself: it has them already, nobody pays them in.';

create table worker.worker_collecting (
  collector_id bigint not null,
  turn_id integer not null,
  debtor_id bigint not null,
  creditor_id bigint not null,
  amount bigint not null check (amount > 0),
  collected boolean not null default false,
  purge_after timestamptz not null,
  key_hash integer not null generated always as (worker.hash32(collector_id)) stored,
  primary key (collector_id, turn_id, debtor_id, creditor_id) include (amount),
  check (collector_id <> creditor_id)
);

create index worker_collecting_missing_idx on worker.worker_collecting (collector_id, turn_id, debtor_id, creditor_id)
where not collected;

comment on table worker.worker_collecting is 'Payments that a collector expects from sellers. Key: collector_id.';

create table worker.worker_sending (
  from_collector_id bigint not null,
  turn_id integer not null,
  debtor_id bigint not null,
  to_collector_id bigint not null,
  amount bigint not null check (amount > 1),
  purge_after timestamptz not null,
  key_hash integer not null generated always as (worker.hash32(from_collector_id)) stored,
  primary key (from_collector_id, turn_id, debtor_id, to_collector_id) include (amount),
  check (from_collector_id <> to_collector_id)
);

comment on table worker.worker_sending is 'Payments that a collector owes to other collectors. Key: from_collector_id.';

create table worker.worker_receiving (
  to_collector_id bigint not null,
  turn_id integer not null,
  debtor_id bigint not null,
  from_collector_id bigint not null,
  expected_amount bigint not null check (expected_amount > 1),
  received_amount bigint not null default 0 check (received_amount >= 0),
  purge_after timestamptz not null,
  key_hash integer not null generated always as (worker.hash32(to_collector_id)) stored,
  primary key (to_collector_id, turn_id, debtor_id, from_collector_id) include (received_amount),
  check (from_collector_id <> to_collector_id)
);

create index worker_receiving_missing_idx
on worker.worker_receiving (to_collector_id, turn_id, debtor_id, from_collector_id)
where received_amount = 0;

comment on table worker.worker_receiving is
  'Payments that a collector expects from other collectors. Key: to_collector_id.';

create table worker.worker_dispatching (
  collector_id bigint not null,
  turn_id integer not null,
  debtor_id bigint not null,
  creditor_id bigint not null,
  amount bigint not null check (amount > 1),
  purge_after timestamptz not null,
  key_hash integer not null generated always as (worker.hash32(collector_id)) stored,
  primary key (collector_id, turn_id, debtor_id, creditor_id) include (amount),
  check (collector_id <> creditor_id)
);

comment on table worker.worker_dispatching is 'Payments that a collector owes to buyers. Key: collector_id.';

create table worker.early_arrival (
  kind text collate "C" not null check (kind in ('collecting', 'sending', 'paid')),
  collector_id bigint not null,
  turn_id integer not null check (turn_id <> 0),
  debtor_id bigint not null,
  other_id bigint not null,
  amount bigint check (amount > 0),
  inserted_at timestamptz not null,
  refunded_at timestamptz,
  refunded_by text collate "C",
  key_hash integer not null generated always as (worker.hash32(collector_id)) stored,
  primary key (kind, collector_id, turn_id, debtor_id, other_id),
  check (refunded_at is null or amount is not null),
  check (kind <> 'paid' or (amount is not null and refunded_at is null)),
  check ((refunded_at is null) = (refunded_by is null))
);

comment on table worker.early_arrival is
  'Payments (amount) and notices that a payment will never come (no amount) which reached a collector before its '
  'shard knew the '
  'result of the turn, and payments that it made all the same (paid): its database has forgotten the result. '
  'Step 3/0 merges and deletes them. Payments of lost turns (worker.is_lost_turn) stay until they '
  'are refunded. Key: collector_id.';
comment on column worker.early_arrival.other_id is
  'The payer: a seller (collecting) or another collector (sending). Of those that it made (paid), who got it.';
comment on column worker.early_arrival.refunded_at is
  'When an operator (refunded_by) had a payment of a lost turn paid back: a worker.transfer_attempt began then; or '
  'when he said that it was settled otherwise.';

create table worker.transfer_attempt (
  collector_id bigint not null,
  turn_id integer not null,
  debtor_id bigint not null,
  creditor_id bigint not null,
  is_dispatching boolean not null,
  nominal_amount float8 not null check (nominal_amount >= 1.0),
  collection_started_at timestamptz not null,
  inserted_at timestamptz not null,
  is_refund boolean not null default false,
  recipient text collate "C" not null default '',
  recipient_version bigint not null default -9223372036854775808,
  rescheduled_for timestamptz,
  attempted_at timestamptz,
  coordinator_request_id bigint,
  final_interest_rate_ts timestamptz,
  amount bigint check (amount > 0),
  transfer_id bigint,
  finalized_at timestamptz,
  failure_code smallint check (failure_code between 0 and 4),
  backoff_counter smallint not null default 0 check (backoff_counter >= 0),
  fatal_error text collate "C",
  held_at timestamptz,
  held_until timestamptz,
  key_hash integer not null generated always as (worker.hash32(collector_id)) stored,
  primary key (collector_id, turn_id, debtor_id, creditor_id, is_dispatching),
  check (num_nulls(attempted_at, coordinator_request_id, final_interest_rate_ts, amount) in (0, 4)),
  check (attempted_at is null or recipient <> ''),
  check ((transfer_id is null) = (finalized_at is null)),
  check (transfer_id is null or attempted_at is not null),
  check (failure_code is null or attempted_at is not null),
  check (fatal_error is null or (failure_code is not null and failure_code = 0 and rescheduled_for is null)),
  check (rescheduled_for is null or attempted_at is null or failure_code is not null),
  check ((held_at is null) = (held_until is null))
) with (fillfactor = 70);

create unique index transfer_attempt_request_idx on worker.transfer_attempt (coordinator_request_id)
where coordinator_request_id is not null;
create index transfer_attempt_rescheduled_idx on worker.transfer_attempt (rescheduled_for)
where rescheduled_for is not null;

create index transfer_attempt_held_idx on worker.transfer_attempt (collector_id, debtor_id) where held_at is not null;
create index transfer_attempt_fatal_idx on worker.transfer_attempt (coordinator_request_id)
where fatal_error is not null;

comment on table worker.transfer_attempt is
  'One payment of a collector to another collector or to a buyer, with its tries. Key: collector_id.';
comment on column worker.transfer_attempt.held_at is
  'Since when it is in doubt whether this payment was made: the database may have forgotten it. Nobody tries it.';
comment on column worker.transfer_attempt.held_until is
  'When no forgotten request for it can be under way any more.';
comment on column worker.transfer_attempt.nominal_amount is 'Tokens before demurrage and cut.';
comment on column worker.transfer_attempt.is_refund is
  'Whether it pays back what came in for a lost turn: without a cut, and it is never given up.';
comment on column worker.transfer_attempt.failure_code is
  'Why the last try failed: 0 unspecified, 1 timeout, 2 newer interest rate, 3 recipient unreachable, 4 '
  'insufficient amount.';

create view worker.failed_transfer as
select
  a.coordinator_request_id,
  a.collector_id,
  a.turn_id,
  a.debtor_id,
  a.creditor_id,
  a.is_dispatching,
  a.amount,
  a.attempted_at,
  a.fatal_error
from worker.transfer_attempt as a
where a.fatal_error is not null;

comment on view worker.failed_transfer is
  'Transfer attempts that no repetition heals, for operators: nobody tries them again, and their recipients were not '
  'paid, or not what they should be.';
