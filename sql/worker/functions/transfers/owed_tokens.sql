create or replace function worker.owed_tokens(p_collector_id bigint, p_debtor_id bigint)
  returns numeric
  language sql
  stable
begin atomic
  select
    coalesce((
      select sum(c.amount)
      from worker.worker_collecting as c
      where c.collector_id = p_collector_id and c.debtor_id = p_debtor_id and c.collected
    ), 0)
    + coalesce((
      select sum(r.received_amount)
      from worker.worker_receiving as r
      where r.to_collector_id = p_collector_id and r.debtor_id = p_debtor_id
    ), 0)
    -- What was collected and is not for other collectors waits for the dispatching.
    + coalesce((
      select sum(greatest(s.total_collected_amount::numeric + s.self_taken_amount - a.available_to_send, 0))
      from worker.dispatching_status as s
      cross join lateral worker.available_amounts(
        s.amount_to_collect, s.amount_to_send, s.amount_to_receive, s.amount_to_dispatch, s.total_collected_amount, null
      ) as a
      where s.collector_id = p_collector_id
        and s.debtor_id = p_debtor_id
        and s.started_sending
        and not s.started_dispatching
    ), 0)
    + coalesce((
      select sum(coalesce(t.amount::numeric, trunc(t.nominal_amount)::numeric))
      from worker.transfer_attempt as t
      where t.collector_id = p_collector_id and t.debtor_id = p_debtor_id
    ), 0)
    -- For turns whose result is not here: it is waited for, or they are lost and listed.
    + coalesce((
      select sum(e.amount)
      from worker.early_arrival as e
      where e.kind in ('collecting', 'sending')
        and e.collector_id = p_collector_id
        and e.debtor_id = p_debtor_id
        and e.refunded_at is null
    ), 0);
end;

comment on function worker.owed_tokens is
  'Tokens that came in to a collector, as far as this database knows, and have not gone on: collected and received for '
  'open turns, payments ordered or under way, and what came for turns whose result is not here. Called where balances '
  'are compared with it.';
