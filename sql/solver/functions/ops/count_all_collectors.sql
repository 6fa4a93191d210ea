create or replace function solver.count_all_collectors(
  out currencies bigint,
  out pristine bigint,
  out requested bigint,
  out active bigint,
  out disabled bigint
)
  language sql
  security definer
  stable
begin atomic
  select
    count(distinct c.debtor_id),
    count(*) filter (where c.status = solver.pristine()),
    count(*) filter (where c.status = solver.requested()),
    count(*) filter (where c.status = solver.active()),
    count(*) filter (where c.status = solver.disabled())
  from solver.collector_account as c;
end;

comment on function solver.count_all_collectors is
  'How many currencies have collector accounts, and how many of these are in each status. Called by the admin API.';
