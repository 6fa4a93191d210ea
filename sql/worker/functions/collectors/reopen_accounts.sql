create or replace function worker.reopen_accounts(p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_creditor_ids bigint[];
  v_debtor_ids bigint[];
begin
  with vanished as materialized (
    select
      n.creditor_id,
      n.debtor_id
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (creditor_id bigint, debtor_id bigint)
    inner join worker.needed_worker_account as n using (creditor_id, debtor_id)
    where
      n.purged_at is not null
      and (
        n.configured_at <= n.purged_at
        or n.configured_at < (select worker.now() - c.extreme_message_delay from worker.configuration as c)
      )
      and not exists (
        select from worker.worker_account as a
        where a.creditor_id = n.creditor_id and a.debtor_id = n.debtor_id
      )
    order by n.creditor_id, n.debtor_id
    for update of n
  ),
  reopened as (
    update worker.needed_worker_account as n set configurations = n.configurations + 1
    from vanished as v
    where n.creditor_id = v.creditor_id and n.debtor_id = v.debtor_id
    returning n.creditor_id, n.debtor_id
  )
  select array_agg(r.creditor_id), array_agg(r.debtor_id) into v_creditor_ids, v_debtor_ids
  from reopened as r;
  perform worker.order_accounts(v_creditor_ids, v_debtor_ids, true);
end
$$;

comment on function worker.reopen_accounts is
  'Asks authorities for the accounts of collectors that vanished while they were needed, when somebody wants to pay to '
  'them: what their buyers were promised can only come that way. Takes AccountIdRequest messages, and passes over all '
  'others; asks again after the extreme message delay. Called by apply_account_id_request.';
