create or replace function solver.count_collectors(p_after bigint, p_limit integer)
  returns table (debtor_id bigint, pristine bigint, requested bigint, active bigint, disabled bigint)
  language sql
  security definer
  stable
begin atomic
  select
    c.debtor_id,
    count(*) filter (where c.status = solver.pristine()),
    count(*) filter (where c.status = solver.requested()),
    count(*) filter (where c.status = solver.active()),
    count(*) filter (where c.status = solver.disabled())
  from solver.collector_account as c
  where p_after is null or c.debtor_id > p_after
  group by c.debtor_id
  order by c.debtor_id
  limit p_limit;
end;

comment on function solver.count_collectors is
  'How many collector accounts in each status up to p_limit currencies have, by debtor ID; those after p_after, if '
  'that is not null. Called by the admin API.';
