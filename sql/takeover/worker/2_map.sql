-- From the rows of the old database to ours. What is left out on purpose is counted in left_out, with the reason.

insert into pg_temp.new_needed_worker_account (creditor_id, debtor_id, configured_at)
select
  n.creditor_id,
  n.debtor_id,
  n.configured_at
from pg_temp.old_needed_worker_account as n;

-- The old service configured accounts with this negligible amount, and did not remember what authorities reported.
insert into pg_temp.new_worker_account (
  creditor_id,
  debtor_id,
  creation_date,
  last_change_ts,
  last_change_seqnum,
  principal,
  interest,
  interest_rate,
  last_interest_rate_change_ts,
  last_config_ts,
  config_flags,
  negligible_amount,
  account_id,
  debtor_info_iri,
  last_transfer_number,
  last_transfer_committed_at,
  demurrage_rate,
  commit_period,
  transfer_note_max_bytes,
  last_heartbeat_ts
)
select
  a.creditor_id,
  a.debtor_id,
  a.creation_date,
  a.last_change_ts,
  a.last_change_seqnum,
  a.principal,
  a.interest,
  a.interest_rate,
  a.last_interest_rate_change_ts,
  coalesce(n.configured_at, a.last_change_ts),
  a.config_flags,
  1e30,
  a.account_id,
  nullif(a.debtor_info_iri, ''),
  a.last_transfer_number,
  a.last_transfer_committed_at,
  a.demurrage_rate,
  a.commit_period,
  a.transfer_note_max_bytes,
  a.last_heartbeat_ts
from pg_temp.old_worker_account as a
left join pg_temp.old_needed_worker_account as n using (creditor_id, debtor_id);

insert into pg_temp.new_interest_rate_change (creditor_id, debtor_id, change_ts, interest_rate)
select
  r.creditor_id,
  r.debtor_id,
  r.change_ts,
  r.interest_rate
from pg_temp.old_interest_rate_change as r;

insert into pg_temp.new_recently_needed_collector (debtor_id, needed_at)
select
  r.debtor_id,
  r.needed_at
from pg_temp.old_recently_needed_collector as r;

insert into pg_temp.left_out (table_name, reason, row_count)
select
  'debtor_info_document',
  'locators of more than 200 characters',
  count(*)
from pg_temp.old_debtor_info_document as d
where length(d.debtor_info_locator) > 200;

insert into pg_temp.new_debtor_info_document (
  debtor_info_locator,
  debtor_id,
  peg_debtor_info_locator,
  peg_debtor_id,
  peg_exchange_rate,
  will_not_change_until,
  fetched_at
)
select
  d.debtor_info_locator,
  d.debtor_id,
  d.peg_debtor_info_locator,
  d.peg_debtor_id,
  d.peg_exchange_rate,
  d.will_not_change_until,
  d.fetched_at
from pg_temp.old_debtor_info_document as d
where length(d.debtor_info_locator) <= 200;

insert into pg_temp.left_out (table_name, reason, row_count)
select
  'debtor_locator_claim',
  'locators of more than 200 characters',
  count(*)
from pg_temp.old_debtor_locator_claim as c
where length(c.debtor_info_locator) > 200;

insert into pg_temp.new_debtor_locator_claim (
  debtor_id,
  debtor_info_locator,
  latest_locator_fetch_at,
  latest_discovery_fetch_at,
  forced_locator_refetch_at
)
select
  c.debtor_id,
  c.debtor_info_locator,
  c.latest_locator_fetch_at,
  c.latest_discovery_fetch_at,
  c.forced_locator_refetch_at
from pg_temp.old_debtor_locator_claim as c
where c.debtor_info_locator is null or length(c.debtor_info_locator) <= 200;

insert into pg_temp.left_out (table_name, reason, row_count)
select
  'debtor_info_fetch',
  'addresses of more than 200 characters',
  count(*)
from pg_temp.old_debtor_info_fetch as f
where length(f.iri) > 200 or length(f.forced_iri) > 200;

-- What is read at a forced address is not stored here, so it stands for no fetch that has a purpose of its own.
insert into pg_temp.new_debtor_info_fetch (
  iri,
  debtor_id,
  is_locator_fetch,
  is_discovery_fetch,
  forced_iri,
  recursion_level,
  scheduled_at,
  attempts_count,
  latest_attempt_at,
  latest_attempt_errorcode,
  next_attempt_at
)
select
  f.iri,
  f.debtor_id,
  f.is_locator_fetch,
  f.is_discovery_fetch,
  case when not (f.is_locator_fetch or f.is_discovery_fetch) then f.forced_iri end,
  f.recursion_level,
  least(coalesce(f.latest_attempt_at, f.inserted_at), worker.now()),
  f.attempts_count,
  f.latest_attempt_at,
  f.latest_attempt_errorcode,
  f.next_attempt_at
from pg_temp.old_debtor_info_fetch as f
where length(f.iri) <= 200 and (f.forced_iri is null or length(f.forced_iri) <= 200);

-- A policy that contradicts itself was legal, and traded nothing. Its ledger and its update IDs stay.
insert into pg_temp.new_trading_policy (
  creditor_id,
  debtor_id,
  latest_ledger_update_id,
  latest_ledger_update_ts,
  account_id,
  account_id_is_obsolete,
  creation_date,
  principal,
  last_transfer_number,
  latest_policy_update_id,
  latest_policy_update_ts,
  policy_name,
  min_principal,
  max_principal,
  peg_debtor_id,
  peg_exchange_rate,
  latest_flags_update_id,
  latest_flags_update_ts,
  config_flags
)
select
  p.creditor_id,
  p.debtor_id,
  p.latest_ledger_update_id,
  p.latest_ledger_update_ts,
  p.account_id,
  p.account_id_is_obsolete,
  p.creation_date,
  p.principal,
  p.last_transfer_number,
  p.latest_policy_update_id,
  p.latest_policy_update_ts,
  case when p.min_principal <= p.max_principal then p.policy_name end,
  case when p.min_principal <= p.max_principal then p.min_principal else -9223372036854775808 end,
  case when p.min_principal <= p.max_principal then p.max_principal else 9223372036854775807 end,
  p.peg_debtor_id,
  p.peg_exchange_rate,
  p.latest_flags_update_id,
  p.latest_flags_update_ts,
  p.config_flags
from pg_temp.old_trading_policy as p;

insert into pg_temp.left_out (table_name, reason, row_count)
select
  'account_lock',
  'released locks of collectors, which guard nothing',
  count(*)
from pg_temp.old_account_lock as l
cross join worker.configuration as c
where l.released_at is not null and l.creditor_id between c.min_collector_id and c.max_collector_id;

-- Released locks of customers guard against ledgers that are late.
insert into pg_temp.new_account_lock (
  creditor_id,
  debtor_id,
  turn_id,
  collector_id,
  initiated_at,
  coordinator_request_id,
  amount,
  collection_deadline,
  transfer_id,
  finalized_at,
  released_at,
  account_creation_date,
  account_last_transfer_number,
  has_been_revised
)
select
  l.creditor_id,
  l.debtor_id,
  l.turn_id,
  l.collector_id,
  l.initiated_at,
  l.coordinator_request_id,
  l.amount,
  coalesce(t.collection_deadline, l.initiated_at + interval '30 days'),
  l.transfer_id,
  l.finalized_at,
  l.released_at,
  l.account_creation_date,
  l.account_last_transfer_number,
  l.has_been_revised
from pg_temp.old_account_lock as l
cross join worker.configuration as c
left join pg_temp.old_worker_turn as t using (turn_id)
where l.released_at is null or l.creditor_id not between c.min_collector_id and c.max_collector_id;

insert into pg_temp.new_creditor_participation (creditor_id, debtor_id, turn_id, amount, collector_id)
select
  p.creditor_id,
  p.debtor_id,
  p.turn_id,
  p.amount,
  p.collector_id
from pg_temp.old_creditor_participation as p;

-- The messages that awaiting_signal_flag waited for are gone.
insert into pg_temp.new_dispatching_status (
  collector_id,
  turn_id,
  debtor_id,
  inserted_at,
  amount_to_collect,
  amount_to_send,
  amount_to_receive,
  number_to_receive,
  amount_to_dispatch,
  total_collected_amount,
  total_received_amount,
  started_sending,
  all_sent,
  all_received,
  started_dispatching
)
select
  s.collector_id,
  s.turn_id,
  s.debtor_id,
  s.inserted_at,
  s.amount_to_collect,
  s.amount_to_send,
  s.amount_to_receive,
  s.number_to_receive,
  s.amount_to_dispatch,
  s.total_collected_amount,
  s.total_received_amount,
  s.started_sending,
  s.all_sent,
  s.all_received,
  s.started_dispatching
from pg_temp.old_dispatching_status as s;

insert into pg_temp.new_worker_collecting (
  collector_id, turn_id, debtor_id, creditor_id, amount, collected, purge_after
)
select
  w.collector_id,
  w.turn_id,
  w.debtor_id,
  w.creditor_id,
  w.amount,
  w.collected,
  w.purge_after
from pg_temp.old_worker_collecting as w;

insert into pg_temp.new_worker_sending (
  from_collector_id, turn_id, debtor_id, to_collector_id, amount, purge_after
)
select
  w.from_collector_id,
  w.turn_id,
  w.debtor_id,
  w.to_collector_id,
  w.amount,
  w.purge_after
from pg_temp.old_worker_sending as w;

insert into pg_temp.new_worker_receiving (
  to_collector_id, turn_id, debtor_id, from_collector_id, expected_amount, received_amount, purge_after
)
select
  w.to_collector_id,
  w.turn_id,
  w.debtor_id,
  w.from_collector_id,
  w.expected_amount,
  w.received_amount,
  w.purge_after
from pg_temp.old_worker_receiving as w;

insert into pg_temp.new_worker_dispatching (
  collector_id, turn_id, debtor_id, creditor_id, amount, purge_after
)
select
  w.collector_id,
  w.turn_id,
  w.debtor_id,
  w.creditor_id,
  w.amount,
  w.purge_after
from pg_temp.old_worker_dispatching as w;

-- A surplus that was only about to move stays where it is: on the account of the collector.
insert into pg_temp.left_out (table_name, reason, row_count)
select
  'transfer_attempt',
  'surpluses that were not moved yet; the money stays on the collectors'' accounts',
  count(*)
from pg_temp.old_transfer_attempt as a
where a.transfer_kind = 2 and (a.transfer_id is null or a.failure_code is not null);

-- Whoever was to be tried by a message that is gone is tried now.
insert into pg_temp.new_transfer_attempt (
  collector_id,
  turn_id,
  debtor_id,
  creditor_id,
  is_dispatching,
  nominal_amount,
  collection_started_at,
  inserted_at,
  recipient,
  recipient_version,
  rescheduled_for,
  attempted_at,
  coordinator_request_id,
  final_interest_rate_ts,
  amount,
  transfer_id,
  finalized_at,
  failure_code,
  backoff_counter,
  fatal_error
)
select
  a.collector_id,
  a.turn_id,
  a.debtor_id,
  a.creditor_id,
  coalesce(a.is_dispatching, a.transfer_kind = 1),
  a.nominal_amount,
  a.collection_started_at,
  a.inserted_at,
  a.recipient,
  a.recipient_version,
  case
    when a.fatal_error is null and (a.attempted_at is null or a.failure_code is not null)
      then coalesce(a.rescheduled_for, worker.now())
    else a.rescheduled_for
  end,
  a.attempted_at,
  a.coordinator_request_id,
  a.final_interest_rate_ts,
  a.amount,
  a.transfer_id,
  a.finalized_at,
  a.failure_code,
  a.backoff_counter,
  a.fatal_error
from pg_temp.old_transfer_attempt as a
where a.transfer_kind is distinct from 2 or (a.transfer_id is not null and a.failure_code is null);

-- Payments that came before the old shard had the result of their turn.
insert into pg_temp.new_early_arrival (kind, collector_id, turn_id, debtor_id, other_id, amount, inserted_at)
select distinct on (n.kind collate "C", d.creditor_id, n.turn_id, d.debtor_id, o.other_id)
  n.kind,
  d.creditor_id,
  n.turn_id,
  d.debtor_id,
  o.other_id,
  d.acquired_amount,
  worker.now()
from pg_temp.old_delayed_account_transfer as d
cross join lateral worker.parse_transfer_note(d.transfer_note) as n
cross join lateral (
  select
    case n.kind when 'collecting' then n.first_id else n.second_id end as payee_id,
    case n.kind when 'collecting' then n.second_id else n.first_id end as other_id
) as o
where
  d.transfer_note_format = '-cXchge'
  and n.kind in ('collecting', 'sending')
  and o.payee_id = d.creditor_id
  and d.acquired_amount > 0
order by
  n.kind collate "C" asc, d.creditor_id asc, n.turn_id asc, d.debtor_id asc, o.other_id asc, d.acquired_amount desc;

insert into pg_temp.left_out (table_name, reason, row_count)
select
  'early_arrival',
  'payments that are no trader''s or collector''s, or were noted twice',
  (select count(*) from pg_temp.old_delayed_account_transfer) - (select count(*) from pg_temp.new_early_arrival);

-- Turns are only needed by what is left of them, and the last one, which tells how far turns have come. All have ended,
-- so whatever was open in them is settled here.
insert into pg_temp.new_worker_turn (
  turn_id,
  started_at,
  base_debtor_info_locator,
  base_debtor_id,
  max_distance_to_base,
  min_trade_amount,
  phase,
  collection_started_at,
  collection_deadline,
  worker_turn_subphase
)
select
  t.turn_id,
  t.started_at,
  t.base_debtor_info_locator,
  t.base_debtor_id,
  t.max_distance_to_base,
  t.min_trade_amount,
  3,
  coalesce(t.collection_started_at, s.collection_started_at),
  coalesce(t.collection_deadline, s.collection_deadline),
  10
from pg_temp.old_worker_turn as t
left join pg_temp.solver_turn as s using (turn_id)
where
  t.turn_id in (
    select l.turn_id from pg_temp.new_account_lock as l
    union
    select p.turn_id from pg_temp.new_creditor_participation as p
    union
    select d.turn_id from pg_temp.new_dispatching_status as d
    union
    select w.turn_id from pg_temp.new_worker_collecting as w
    union
    select w.turn_id from pg_temp.new_worker_sending as w
    union
    select w.turn_id from pg_temp.new_worker_receiving as w
    union
    select w.turn_id from pg_temp.new_worker_dispatching as w
    union
    select a.turn_id from pg_temp.new_transfer_attempt as a
    union
    select e.turn_id from pg_temp.new_early_arrival as e
    union
    select max(w.turn_id) from pg_temp.old_worker_turn as w
  );

insert into pg_temp.left_out (table_name, reason, row_count)
select
  'worker_turn',
  'turns of which nothing is left',
  (select count(*) from pg_temp.old_worker_turn) - (select count(*) from pg_temp.new_worker_turn);
