create or replace function worker.discard_unknown_accounts(p_creditor_ids bigint[], p_debtor_ids bigint[])
  returns void
  language plpgsql
as $$
declare
  v_messages jsonb[];
begin
  with discarded as (
    update worker.unknown_account as k set status = 'discarding', reason = null, ordered_at = worker.now()
    from unnest(p_creditor_ids, p_debtor_ids) as u(creditor_id, debtor_id)
    where k.creditor_id = u.creditor_id and k.debtor_id = u.debtor_id
    returning k.creditor_id, k.debtor_id, k.last_config_ts, k.accepted_loss
  )
  select array_agg(
    worker.discard_account_message(d.creditor_id, d.debtor_id, worker.next_config_ts(d.last_config_ts), d.accepted_loss)
    order by d.creditor_id, d.debtor_id
  )
  into v_messages
  from discarded as d;
  perform worker.send_configure_accounts(v_messages);
end
$$;

comment on function worker.discard_unknown_accounts is
  'Orders the deletion of listed accounts; the authority refuses when more tokens than accepted are on them. The '
  'arrays are aligned and may be null. The caller has locked the rows. Called by judge_unknown_accounts and '
  'discard_held_account.';
