create or replace function worker.lock_held_account(p_debtor_id bigint, p_collector_id bigint)
  returns worker.unknown_account
  language plpgsql
as $$
declare
  v_account worker.unknown_account;
begin
  select * into v_account
  from worker.unknown_account as k
  where k.creditor_id = p_collector_id and k.debtor_id = p_debtor_id
  for update;
  if not found then
    raise exception using errcode = 'ST085', message = 'no such account is held here',
      detail = format('debtor %s, collector %s', p_debtor_id, p_collector_id),
      hint = 'collectors held shows all of them; each is in the database of its own shard';
  end if;
  if exists (select from worker.trading_policy as p where p.creditor_id = p_collector_id) then
    raise exception using errcode = 'ST086', message = 'this is the account of a customer',
      detail = format('debtor %s, creditor %s', p_debtor_id, p_collector_id),
      hint = 'MIN_COLLECTOR_ID and MAX_COLLECTOR_ID must leave out all customers';
  end if;
  return v_account;
end
$$;

comment on function worker.lock_held_account is
  'An account that nobody asked for, locked until the end of the transaction. Fails with ST085 (unknown here) or '
  'ST086 (a customer''s). Called by adopt_held_account and discard_held_account.';
