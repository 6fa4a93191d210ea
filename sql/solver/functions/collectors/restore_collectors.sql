create or replace function solver.restore_collectors(
  p_debtor_ids bigint[],
  p_collector_ids bigint[],
  p_statuses smallint[],
  p_account_ids text[]
)
  returns integer
  language sql
begin atomic
  with restored as (
    insert into solver.collector_account (
      debtor_id,
      collector_id,
      status,
      account_id,
      account_id_ts,
      latest_status_change_at
    )
    select
      r.debtor_id,
      r.collector_id,
      r.status,
      r.account_id,
      case when r.account_id <> '' then solver.now() end,
      solver.now()
    from unnest(p_debtor_ids, p_collector_ids, p_statuses, p_account_ids) as r(
      debtor_id, collector_id, status, account_id
    )
    order by r.debtor_id, r.collector_id
    on conflict (debtor_id, collector_id) do nothing
    returning 1
  )
  select count(*)::integer from restored;
end;

comment on function solver.restore_collectors is
  'Puts collectors back into the catalogue that it lacks (it was restored from a backup) and a worker needs. The '
  'arrays are aligned. Returns how many. Called by the poll of collectors with what worker.reconcile_collectors '
  'returns.';
