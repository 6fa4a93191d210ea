create or replace function worker.is_account_in_doubt(p_collector_id bigint, p_debtor_id bigint)
  returns boolean
  language sql
  stable
begin atomic
  select
    exists (
      select
      from worker.transfer_attempt as t
      where t.collector_id = p_collector_id and t.debtor_id = p_debtor_id and t.held_at is not null
    )
    or worker.doubtful_turns() is not null
    and (
      not worker.is_ready_for_journal()
      or exists (
        select
        from worker.worker_collecting as c
        where c.collector_id = p_collector_id
          and c.debtor_id = p_debtor_id
          and not c.collected
          and c.turn_id <= worker.doubtful_turns()
      )
      or exists (
        select
        from worker.worker_receiving as r
        where r.to_collector_id = p_collector_id
          and r.debtor_id = p_debtor_id
          and r.received_amount = 0
          and r.turn_id <= worker.doubtful_turns()
      )
    );
end;

comment on function worker.is_account_in_doubt is
  'Is it still open for some payments from or to a collector account whether they were made in the time that this '
  'database lost, or are results of turns missing that may tell of such? Called by explain_balances.';
