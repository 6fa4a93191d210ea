create or replace function solver.alive_collector_debtors()
  returns table (debtor_id bigint)
  language sql
  stable
as $$
  select distinct a.debtor_id from solver.collector_account as a where a.status < 3
$$;

comment on function solver.alive_collector_debtors is
  'Currencies that have, or will have, a collector account. Called by the exchange, which copies them to the '
  'workers.';
