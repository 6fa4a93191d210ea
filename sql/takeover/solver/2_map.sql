-- From the rows of the old database to ours.

insert into pg_temp.new_turn (
  turn_id,
  started_at,
  base_debtor_info_locator,
  base_debtor_id,
  max_distance_to_base,
  min_trade_amount,
  phase,
  phase_deadline,
  collection_started_at,
  collection_deadline
)
select
  t.turn_id,
  t.started_at,
  t.base_debtor_info_locator,
  t.base_debtor_id,
  t.max_distance_to_base,
  t.min_trade_amount,
  t.phase,
  case when t.phase < 3 then t.phase_deadline end,
  t.collection_started_at,
  t.collection_deadline
from pg_temp.old_turn as t;

-- In release 1.0 status 3 means that a collector rests. Ours do not rest. In 0.1.10 an operator has set it.
insert into pg_temp.new_collector_account (
  debtor_id, collector_id, collector_hash, account_id, status, latest_status_change_at
)
select
  a.debtor_id,
  a.collector_id,
  solver.hash16(a.collector_id),
  a.account_id,
  case
    when a.status = 3 and current_setting('swpt.old_release') = '1.0'
      then case when a.account_id <> '' then 2 else 1 end
    else a.status
  end,
  a.latest_status_change_at
from pg_temp.old_collector_account as a;

-- Where an operator has disabled all there were, nobody wants new ones.
insert into pg_temp.new_blocked_currency (debtor_id, blocked_at)
select
  a.debtor_id,
  solver.now()
from pg_temp.new_collector_account as a
where a.debtor_id <> 0
group by a.debtor_id
having min(a.status) = 3;
