create or replace function worker.ask_for_accounts(p_removals worker.collector_removal[])
  returns void
  language plpgsql
as $$
declare
  v_messages jsonb[];
begin
  with asked as (
    update worker.needed_worker_account as n set
      configured_at = worker.now(),
      config_ts = worker.next_config_ts(n.config_ts)
    from unnest(p_removals) as r
    where r.state = 'silent' and n.creditor_id = r.collector_id and n.debtor_id = r.debtor_id
    returning n.creditor_id, n.debtor_id, n.config_ts
  )
  select array_agg(
    worker.configure_account_message(a.creditor_id, a.debtor_id, a.config_ts) order by a.creditor_id, a.debtor_id
  )
  into v_messages
  from asked as a;
  perform worker.send_configure_accounts(v_messages);
end
$$;

comment on function worker.ask_for_accounts is
  'Asks authorities for the accounts of removed collectors of which nothing is known (state silent): there may be '
  'money on them. No answer within the extreme message delay means that they are gone. Null: does nothing. Called by '
  'remove_collectors.';
