create or replace function solver.mark_collectors_pristine(p_debtor_ids bigint[], p_collector_ids bigint[])
  returns integer
  language sql
begin atomic
  with requested as materialized (
    select
      c.debtor_id,
      c.collector_id
    from solver.collector_account as c
    inner join unnest(p_debtor_ids, p_collector_ids) as m(debtor_id, collector_id) using (debtor_id, collector_id)
    where c.status = solver.requested()
    order by c.debtor_id, c.collector_id
    for update of c
  ),
  pristine as (
    update solver.collector_account as c set status = solver.pristine(), latest_status_change_at = solver.now()
    from requested as r
    where c.debtor_id = r.debtor_id and c.collector_id = r.collector_id
    returning 1
  )
  select count(*)::integer from pristine;
end;

comment on function solver.mark_collectors_pristine is
  'Lets collectors be requested again whose accounts never appeared. Called by the pristine poll with what '
  'worker.find_missing_accounts left of list_overdue_collectors.';
