create or replace function solver.active_collectors()
  returns table (debtor_id bigint, collector_id bigint, account_id text)
  language sql
  stable
begin atomic
  select a.debtor_id, a.collector_id, a.account_id from solver.collector_account as a where a.status = solver.active();
end;

comment on function solver.active_collectors is
  'Collector accounts of all currencies that can be paid. Called by the exchange, which copies them to the workers.';
