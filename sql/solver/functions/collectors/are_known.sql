create or replace function solver.are_known(p_debtor_ids bigint[], p_collector_ids bigint[])
  returns boolean[]
  language sql
  stable
begin atomic
  select array_agg(
    exists (
      select from solver.collector_account as c
      where c.debtor_id = k.debtor_id and c.collector_id = k.collector_id
    )
    order by k.n
  )
  from unnest(p_debtor_ids, p_collector_ids) with ordinality as k(debtor_id, collector_id, n);
end;

comment on function solver.are_known is
  'Which of these accounts are collectors in the catalogue, whatever their status; aligned with the arrays. Called by '
  'the poll of collectors before anything is decided about accounts that a worker did not ask for.';
