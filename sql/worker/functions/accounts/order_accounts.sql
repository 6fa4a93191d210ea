create or replace function worker.order_accounts(p_creditor_ids bigint[], p_debtor_ids bigint[], p_is_kept boolean)
  returns integer
  language plpgsql
as $$
declare
  v_messages jsonb[];
begin
  with ordered as (
    update worker.needed_worker_account as n set
      configured_at = worker.now(),
      config_ts = worker.next_config_ts(greatest(n.config_ts, a.last_config_ts))
    from unnest(p_creditor_ids, p_debtor_ids) as u(creditor_id, debtor_id)
    left join worker.worker_account as a using (creditor_id, debtor_id)
    where n.creditor_id = u.creditor_id and n.debtor_id = u.debtor_id
    returning n.creditor_id, n.debtor_id, n.config_ts
  )
  select array_agg(
    case
      when p_is_kept then worker.configure_account_message(o.creditor_id, o.debtor_id, o.config_ts)
      else worker.discard_account_message(o.creditor_id, o.debtor_id, o.config_ts, 2)
    end
    order by o.creditor_id, o.debtor_id
  )
  into v_messages
  from ordered as o;
  perform worker.send_configure_accounts(v_messages);
  return coalesce(cardinality(v_messages), 0);
end
$$;

comment on function worker.order_accounts is
  'Orders accounts of this shard''s collectors: p_is_kept to be created or kept, else to be deleted if no more than 2 '
  'tokens are on them. The arrays are aligned and may be null; the caller has locked the rows. Returns how many. '
  'Called by configure_collectors, repair_accounts, reopen_accounts and remove_collectors.';
