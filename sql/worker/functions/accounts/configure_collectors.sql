create or replace function worker.configure_collectors(p_debtor_ids bigint[], p_collector_ids bigint[])
  returns integer
  language plpgsql
as $$
declare
  v_messages jsonb[];
begin
  with configured as (
    insert into worker.needed_worker_account as n (creditor_id, debtor_id, configured_at)
    select distinct
      w.collector_id,
      w.debtor_id,
      worker.now()
    from unnest(p_debtor_ids, p_collector_ids) as w(debtor_id, collector_id)
    order by w.collector_id, w.debtor_id
    on conflict (creditor_id, debtor_id) do update set
      configured_at = excluded.configured_at,
      configurations = n.configurations + 1
    where
      n.configured_at < (select worker.now() - c.extreme_message_delay from worker.configuration as c)
      -- Nobody answers at all: anybody may invent a currency, so it is not asked for without end.
      and n.configurations * (select c.extreme_message_delay from worker.configuration as c) < interval '90 days'
      and not exists (
        select from worker.worker_account as a
        where a.creditor_id = n.creditor_id and a.debtor_id = n.debtor_id
      )
    returning n.creditor_id, n.debtor_id
  )
  select array_agg(
    worker.configure_account_message(c.creditor_id, c.debtor_id, false) order by c.creditor_id, c.debtor_id
  )
  into v_messages
  from configured as c;
  perform worker.send_configure_accounts(v_messages);
  return coalesce(cardinality(v_messages), 0);
end
$$;

comment on function worker.configure_collectors is
  'Asks accounting authorities for the accounts of pristine collectors, again if no account came within the '
  'extreme message delay. Returns how many ConfigureAccount messages were sent. Called by the pristine poll, '
  'which then marks the collectors as requested.';
