create or replace function solver.alive_collector_debtors()
  returns table (debtor_id bigint)
  language sql
  stable
begin atomic
  select a.debtor_id from solver.collector_account as a where a.status <> solver.disabled()
  union
  select b.debtor_id from solver.blocked_currency as b;
end;

comment on function solver.alive_collector_debtors is
  'Currencies for which nobody needs to ask for a collector account: they have one, will have one, or are blocked. '
  'Called by the exchange, which copies them to the workers.';
