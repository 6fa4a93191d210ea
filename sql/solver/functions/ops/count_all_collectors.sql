create or replace function solver.count_all_collectors(
  out currencies bigint,
  out pristine bigint,
  out requested bigint,
  out active bigint,
  out disabled bigint
)
  language sql
  stable
as $$
  select
    count(distinct c.debtor_id),
    count(*) filter (where c.status = 0),
    count(*) filter (where c.status = 1),
    count(*) filter (where c.status = 2),
    count(*) filter (where c.status = 3)
  from solver.collector_account as c
$$;

comment on function solver.count_all_collectors is
  'How many currencies have collector accounts, and how many of these are in each status. Called by the admin API.';
