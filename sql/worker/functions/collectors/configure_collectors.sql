create or replace function worker.configure_collectors(p_debtor_ids bigint[], p_collector_ids bigint[])
  returns integer
  language plpgsql
as $$
declare
  v_creditor_ids bigint[];
  v_debtor_ids bigint[];
  v_requests jsonb[];
  v_customers text;
begin
  -- A range of IDs that was widened by mistake may hold customers. Their accounts are not ours to configure.
  select
    array_agg(
      jsonb_build_object(
        'type', 'DisableCollector',
        'debtor_id', w.debtor_id,
        'creditor_id', w.collector_id,
        'is_replaced', true,
        'ts', worker.now()
      )
      order by w.debtor_id, w.collector_id
    ),
    string_agg(format('%s/%s', w.collector_id, w.debtor_id), ', ')
  into v_requests, v_customers
  from unnest(p_debtor_ids, p_collector_ids) as w(debtor_id, collector_id)
  where exists (select from worker.trading_policy as p where p.creditor_id = w.collector_id);
  perform worker.request_solver(v_requests);
  if v_customers is not null then
    raise warning 'collectors with the IDs of customers are not used (creditor/debtor): %', left(v_customers, 1000)
      using detail = 'MIN_COLLECTOR_ID and MAX_COLLECTOR_ID must leave out all customers';
  end if;

  with wanted as (
    insert into worker.needed_worker_account as n (creditor_id, debtor_id, configured_at)
    select distinct
      w.collector_id,
      w.debtor_id,
      worker.now()
    from unnest(p_debtor_ids, p_collector_ids) as w(debtor_id, collector_id)
    where not exists (select from worker.trading_policy as p where p.creditor_id = w.collector_id)
    order by w.collector_id, w.debtor_id
    on conflict (creditor_id, debtor_id) do update set configurations = n.configurations + 1
    where
      n.configured_at < (select worker.now() - c.extreme_message_delay from worker.configuration as c)
      and n.released_at is null
      -- Nobody answers at all: anybody may invent a currency, so it is not asked for without end.
      and n.configurations * (select c.extreme_message_delay from worker.configuration as c) < interval '90 days'
      and not exists (
        select from worker.worker_account as a
        where a.creditor_id = n.creditor_id and a.debtor_id = n.debtor_id
      )
    returning n.creditor_id, n.debtor_id
  )
  select array_agg(w.creditor_id), array_agg(w.debtor_id) into v_creditor_ids, v_debtor_ids
  from wanted as w;
  return worker.order_accounts(v_creditor_ids, v_debtor_ids, true);
end
$$;

comment on function worker.configure_collectors is
  'Asks accounting authorities for the accounts of collectors, again if no account came within the extreme message '
  'delay. Returns how many ConfigureAccount messages were sent. Called by the poll of collectors with pristine '
  'collectors, which it then marks as requested, and by adopt_collectors.';
