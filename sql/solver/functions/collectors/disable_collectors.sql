create or replace function solver.disable_collectors(p_debtor_ids bigint[], p_collector_ids bigint[])
  returns table (debtor_id bigint, collector_id bigint)
  language sql
begin atomic
  with alive as materialized (
    select
      c.debtor_id,
      c.collector_id
    from solver.collector_account as c
    inner join unnest(p_debtor_ids, p_collector_ids) as m(debtor_id, collector_id) using (debtor_id, collector_id)
    where c.status <> solver.disabled()
    order by c.debtor_id, c.collector_id
    for update of c
  )
  update solver.collector_account as c set status = solver.disabled(), latest_status_change_at = solver.now()
  from alive as a
  where c.debtor_id = a.debtor_id and c.collector_id = a.collector_id
  returning c.debtor_id, c.collector_id;
end;

comment on function solver.disable_collectors is
  'Takes collectors out of trade for good; what is under way with them goes on. Returns the ones that were not '
  'disabled before. Called by apply_worker_requests and by operators.';
