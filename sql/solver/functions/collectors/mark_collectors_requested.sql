create or replace function solver.mark_collectors_requested(p_debtor_ids bigint[], p_collector_ids bigint[])
  returns integer
  language sql
begin atomic
  with pristine as materialized (
    select
      c.debtor_id,
      c.collector_id
    from solver.collector_account as c
    inner join unnest(p_debtor_ids, p_collector_ids) as m(debtor_id, collector_id) using (debtor_id, collector_id)
    where c.status = solver.pristine()
    order by c.debtor_id, c.collector_id
    for update of c
  ),
  requested as (
    update solver.collector_account as c set status = solver.requested(), latest_status_change_at = solver.now()
    from pristine as p
    where c.debtor_id = p.debtor_id and c.collector_id = p.collector_id
    returning 1
  )
  select count(*)::integer from requested;
end;

comment on function solver.mark_collectors_requested is
  'Notes that the accounts of pristine collectors have been asked for; all others stay what they are. Called by '
  'the pristine poll after the worker database has committed.';
