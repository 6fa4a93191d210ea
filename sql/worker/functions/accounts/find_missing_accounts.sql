create or replace function worker.find_missing_accounts(p_debtor_ids bigint[], p_collector_ids bigint[])
  returns table (debtor_id bigint, collector_id bigint)
  language plpgsql
as $$
begin
  -- The account is there, only the solver does not know it (a restored database): tell it again.
  perform worker.request_solver(
    array_agg(
      jsonb_build_object(
        'type', 'ActivateCollector',
        'debtor_id', a.debtor_id,
        'creditor_id', a.creditor_id,
        'account_id', a.account_id,
        'ts', worker.now()
      )
      order by a.debtor_id, a.creditor_id
    )
  )
  from unnest(p_debtor_ids, p_collector_ids) as r(debtor_id, collector_id)
  inner join worker.worker_account as a on r.collector_id = a.creditor_id and r.debtor_id = a.debtor_id
  where a.account_id <> '';

  return query
  select
    r.debtor_id,
    r.collector_id
  from unnest(p_debtor_ids, p_collector_ids) as r(debtor_id, collector_id)
  where not exists (
    select from worker.worker_account as a
    where a.creditor_id = r.collector_id and a.debtor_id = r.debtor_id
  )
  order by r.debtor_id, r.collector_id;
end
$$;

comment on function worker.find_missing_accounts is
  'Which collectors that were requested long ago still have no account; the solver makes them pristine again. '
  'Called by the pristine poll.';
