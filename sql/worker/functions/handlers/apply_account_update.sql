create or replace function worker.apply_account_update(p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_updates worker.account_update[];
begin
  -- Nobody may stop needing an account, or change it, while we decide.
  perform from worker.needed_worker_account as n
  inner join (
    select (u.message -> 'creditor_id')::bigint as creditor_id, (u.message -> 'debtor_id')::bigint as debtor_id
    from unnest(p_messages) as u(message)
  ) as m using (creditor_id, debtor_id)
  order by n.creditor_id, n.debtor_id
  for share of n;
  perform from worker.worker_account as a
  inner join (
    select (u.message -> 'creditor_id')::bigint as creditor_id, (u.message -> 'debtor_id')::bigint as debtor_id
    from unnest(p_messages) as u(message)
  ) as m using (creditor_id, debtor_id)
  order by a.creditor_id, a.debtor_id
  for update of a;

  perform worker.store_interest_rates(p_messages);
  select array_agg(j) into v_updates from worker.judge_account_updates(p_messages) as j;
  perform worker.store_account_updates(v_updates);
  perform worker.list_unknown_accounts(v_updates);
  perform worker.repair_accounts(array_agg(u.creditor_id), array_agg(u.debtor_id))
  from unnest(v_updates) as u
  where u.is_needed;
  perform worker.answer_account_updates(v_updates);
end
$$;

comment on function worker.apply_account_update is
  'Stores what accounting authorities say of collector accounts, activates collectors whose account ID became '
  'known, has their currencies discovered, and mends their configuration. Accounts that nobody asked for are listed; '
  'no message has an account deleted. Called by apply_messages.';
