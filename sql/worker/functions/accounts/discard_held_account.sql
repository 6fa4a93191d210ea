create or replace function worker.discard_held_account(
  p_debtor_id bigint,
  p_collector_id bigint,
  p_accepted_loss bigint,
  p_decided_by text default session_user
)
  returns void
  language plpgsql
  security definer
as $$
declare
  v_account worker.unknown_account := worker.lock_held_account(p_debtor_id, p_collector_id);
begin
  if greatest(v_account.principal, v_account.principal + v_account.interest) > p_accepted_loss then
    raise exception using errcode = 'ST087', message = 'there is more money on this account',
      detail = format('debtor %s, collector %s, tokens %s', p_debtor_id, p_collector_id, v_account.principal),
      hint = 'adopt it, and remove the collector: then its money goes to another one. Or say how many tokens may be lost';
  end if;
  update worker.unknown_account as k set accepted_loss = p_accepted_loss
  where k.creditor_id = p_collector_id and k.debtor_id = p_debtor_id;
  perform worker.discard_unknown_accounts(array[p_collector_id], array[p_debtor_id]);
  perform worker.note_action(
    p_decided_by,
    'discarded an account',
    jsonb_build_object(
      'debtor_id', p_debtor_id, 'collector_id', p_collector_id, 'tokens_given_away_at_most', p_accepted_loss
    )
  );
end
$$;

comment on function worker.discard_held_account is
  'Gives up an account that was held, or is listed, with at most p_accepted_loss (2 or more) tokens on it, which go '
  'back to their issuer. Fails with ST085, ST086 or ST087. Called by operators.';
