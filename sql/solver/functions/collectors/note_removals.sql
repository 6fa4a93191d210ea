create or replace function solver.note_removals(p_debtor_ids bigint[], p_collector_ids bigint[], p_states text[])
  returns integer
  language sql
begin atomic
  with disabled as materialized (
    select
      c.debtor_id,
      c.collector_id,
      r.state
    from solver.collector_account as c
    inner join unnest(p_debtor_ids, p_collector_ids, p_states) as r(debtor_id, collector_id, state)
      using (debtor_id, collector_id)
    where c.status = solver.disabled() and c.removal is distinct from r.state
    order by c.debtor_id, c.collector_id
    for update of c
  ),
  noted as (
    update solver.collector_account as c set removal = d.state
    from disabled as d
    where c.debtor_id = d.debtor_id and c.collector_id = d.collector_id and d.state <> 'gone'
  ),
  deleted as (
    delete from solver.collector_account as c
    using disabled as d
    where c.debtor_id = d.debtor_id and c.collector_id = d.collector_id and d.state = 'gone'
    returning 1
  )
  select count(*)::integer from deleted;
end;

comment on function solver.note_removals is
  'Notes how far workers got with removing collectors, and deletes those that are gone; returns how many were '
  'deleted. Called by the pristine poll with what worker.remove_collectors says.';
