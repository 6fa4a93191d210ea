create or replace function worker.unknown_accounts_to_judge(p_limit integer)
  returns table (debtor_id bigint, collector_id bigint)
  language sql
  stable
begin atomic
  select
    k.debtor_id,
    k.creditor_id
  from worker.unknown_account as k
  order by k.reported_at desc, k.creditor_id asc, k.debtor_id asc
  limit p_limit;
end;

comment on function worker.unknown_accounts_to_judge is
  'Listed accounts that nobody asked for, those reported last first. Called by the poll of collectors, which asks the '
  'solver about them.';
