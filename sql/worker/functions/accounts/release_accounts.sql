create or replace function worker.release_accounts(p_removals worker.collector_removal[])
  returns void
  language plpgsql
as $$
declare
  v_messages jsonb[];
begin
  update worker.needed_worker_account as n set released_at = coalesce(n.released_at, worker.now())
  from unnest(p_removals) as r
  where r.state in ('empty', 'gone') and n.creditor_id = r.collector_id and n.debtor_id = r.debtor_id;

  with ordered as (
    update worker.needed_worker_account as n set
      configured_at = worker.now(),
      config_ts = worker.next_config_ts(greatest(n.config_ts, a.last_config_ts))
    from unnest(p_removals) as r
    inner join worker.worker_account as a on r.collector_id = a.creditor_id and r.debtor_id = a.debtor_id
    where r.state = 'empty' and n.creditor_id = r.collector_id and n.debtor_id = r.debtor_id
    returning n.creditor_id, n.debtor_id, n.config_ts
  )
  select array_agg(
    worker.discard_account_message(o.creditor_id, o.debtor_id, o.config_ts, 2) order by o.creditor_id, o.debtor_id
  )
  into v_messages
  from ordered as o;
  perform worker.send_configure_accounts(v_messages);
end
$$;

comment on function worker.release_accounts is
  'Gives up the accounts of removed collectors: has authorities delete the empty ones, as long as no more than 2 '
  'tokens are on them. The rows stay, with released_at, until the solver has forgotten the collectors. Null: does '
  'nothing. Called by remove_collectors.';
