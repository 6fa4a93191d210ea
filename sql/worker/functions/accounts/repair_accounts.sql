create or replace function worker.repair_accounts(p_creditor_ids bigint[], p_debtor_ids bigint[])
  returns integer
  language plpgsql
as $$
declare
  v_creditor_ids bigint[];
  v_debtor_ids bigint[];
  v_repaired text;
begin
  with broken as materialized (
    select
      n.creditor_id,
      n.debtor_id
    from unnest(p_creditor_ids, p_debtor_ids) as u(creditor_id, debtor_id)
    inner join worker.worker_account as a using (creditor_id, debtor_id)
    inner join worker.needed_worker_account as n using (creditor_id, debtor_id)
    cross join worker.configuration as c
    where
      a.has_foreign_configuration
      and n.released_at is null
      -- Our last order may still be on its way, but not for ever.
      and (
        coalesce(n.config_ts, n.configured_at) <= a.last_config_ts
        or n.configured_at < worker.now() - c.extreme_message_delay
      )
      -- An hour later, then after two hours, four, …, five days: somebody else may insist.
      and (
        n.repaired_at is null
        or n.repaired_at <= worker.now() - interval '1 hour' * 2 ^ least(n.repairs - 1, 7)
        or n.repaired_at > worker.now()
      )
    order by n.creditor_id, n.debtor_id
    for update of n
  ),
  repaired as (
    update worker.needed_worker_account as n set
      repairs = case when n.repaired_at > worker.now() - interval '30 days' then n.repairs + 1 else 1 end,
      repaired_at = worker.now()
    from broken as b
    where n.creditor_id = b.creditor_id and n.debtor_id = b.debtor_id
    returning n.creditor_id, n.debtor_id
  )
  select
    array_agg(r.creditor_id),
    array_agg(r.debtor_id),
    string_agg(format('%s/%s', r.creditor_id, r.debtor_id), ', ')
  into v_creditor_ids, v_debtor_ids, v_repaired
  from repaired as r;
  if v_repaired is not null then
    raise warning 'somebody else configured needed collector accounts; they are configured anew (creditor/debtor): %',
      left(v_repaired, 1000);
  end if;
  return worker.order_accounts(v_creditor_ids, v_debtor_ids, true);
end
$$;

comment on function worker.repair_accounts is
  'Configures those of these accounts anew which are needed, but scheduled for deletion, or have another negligible '
  'amount than ours: at most hourly, then less often. The arrays are aligned and may be null. Returns how many. '
  'Called by apply_account_update and by the poll of collectors.';
