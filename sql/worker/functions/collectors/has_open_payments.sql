create or replace function worker.has_open_payments(p_collector_id bigint, p_debtor_id bigint)
  returns boolean
  language sql
  stable
begin atomic
  select
    exists (
      select from worker.dispatching_status as s
      where s.collector_id = p_collector_id and s.debtor_id = p_debtor_id
    )
    or exists (
      select from worker.worker_collecting as c
      where c.collector_id = p_collector_id and c.debtor_id = p_debtor_id
    )
    or exists (
      select from worker.worker_sending as w
      where w.from_collector_id = p_collector_id and w.debtor_id = p_debtor_id
    )
    or exists (
      select from worker.worker_receiving as r
      where r.to_collector_id = p_collector_id and r.debtor_id = p_debtor_id
    )
    or exists (
      select from worker.worker_dispatching as d
      where d.collector_id = p_collector_id and d.debtor_id = p_debtor_id
    )
    or exists (
      select from worker.early_arrival as e
      where e.kind in ('collecting', 'sending')
        and e.collector_id = p_collector_id
        and e.debtor_id = p_debtor_id
        and e.refunded_at is null
    )
    or exists (
      select from worker.transfer_attempt as a
      where a.collector_id = p_collector_id and a.debtor_id = p_debtor_id and a.turn_id <> 0
    )
    or exists (
      -- Its own surplus, locked for trade.
      select from worker.account_lock as l
      where l.creditor_id = p_collector_id and l.debtor_id = p_debtor_id and l.released_at is null
    );
end;

comment on function worker.has_open_payments is
  'Does anything of a turn still wait to be paid from or to a collector account? The removal of a collector (turn 0) '
  'does not count. Called by remove_collectors.';
