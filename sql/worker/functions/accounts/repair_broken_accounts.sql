create or replace function worker.repair_broken_accounts(p_limit integer)
  returns integer
  language sql
begin atomic
  select worker.repair_accounts(array_agg(b.creditor_id), array_agg(b.debtor_id))
  from (
    select
      a.creditor_id,
      a.debtor_id
    from worker.worker_account as a
    inner join worker.needed_worker_account as n using (creditor_id, debtor_id)
    where a.has_foreign_configuration and n.released_at is null
    order by n.repaired_at nulls first, n.creditor_id, n.debtor_id
    limit p_limit
  ) as b;
end;

comment on function worker.repair_broken_accounts is
  'Repairs needed accounts with another configuration than ours of which no message comes; those first whose last '
  'repair is the longest ago. Returns how many orders were sent. Called by the poll of collectors.';
