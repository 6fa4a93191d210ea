create or replace function worker.answer_account_updates(p_updates worker.account_update[])
  returns void
  language plpgsql
as $$
declare
  v_strangers text;
begin
  select string_agg(format('%s/%s', u.creditor_id, u.debtor_id), ', ') into v_strangers
  from unnest(p_updates) as u
  cross join worker.configuration as c
  where
    not (u.is_needed or u.is_released)
    and u.creditor_id not between c.min_collector_id and c.max_collector_id;
  if v_strangers is not null then
    raise warning 'account updates for accounts that are not collectors (creditor/debtor): %', left(v_strangers, 1000);
  end if;

  perform worker.send_internal(
    'ActivateCollector',
    array_agg(worker.hash32(u.creditor_id) order by u.creditor_id, u.debtor_id),
    array_agg(
      jsonb_build_object(
        'type', 'ActivateCollector',
        'debtor_id', u.debtor_id,
        'creditor_id', u.creditor_id,
        'account_id', u.account_id,
        'ts', worker.now()
      )
      order by u.creditor_id, u.debtor_id
    )
  )
  from unnest(p_updates) as u
  where u.has_new_account_id and (u.is_needed or u.is_stored) and u.debtor_id <> 0;

  -- Heartbeats too: they are what keeps the currency of an idle account known.
  perform worker.send_internal(
    'DiscoverDebtor',
    array_agg(worker.hash32(u.debtor_id) order by u.debtor_id, u.creditor_id),
    array_agg(
      jsonb_build_object(
        'type', 'DiscoverDebtor',
        'debtor_id', u.debtor_id,
        'iri', u.debtor_info_iri,
        'force_locator_refetch', u.has_new_iri,
        'ts', worker.now()
      )
      order by u.debtor_id, u.creditor_id
    )
  )
  from unnest(p_updates) as u
  where
    u.is_needed
    and u.is_eligible
    and u.account_id <> ''
    and u.debtor_info_iri is not null
    and u.debtor_id <> 0
    and (u.is_later or u.is_heartbeat);
end
$$;

comment on function worker.answer_account_updates is
  'Sends what follows from account updates: ActivateCollector for new account IDs, DiscoverDebtor for the currencies '
  'of accounts fit for trade. Warns of accounts that are no collectors. Called by apply_account_update.';
