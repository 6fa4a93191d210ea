create or replace function worker.trader_locks(p_creditor_id bigint, p_debtor_ids bigint[])
  returns table (
    debtor_id bigint,
    turn_id integer,
    amount bigint,
    has_been_revised boolean,
    initiated_at timestamptz,
    finalized_at timestamptz,
    released_at timestamptz,
    paid_amount bigint
  )
  language sql
  security definer
  stable
begin atomic
  select
    l.debtor_id, l.turn_id, l.amount, l.has_been_revised, l.initiated_at, l.finalized_at, l.released_at, l.paid_amount
  from worker.account_lock as l
  where l.creditor_id = p_creditor_id and l.debtor_id = any(p_debtor_ids) and worker.in_realm(l.key_hash);
end;

comment on function worker.trader_locks is
  'The locks of a trader''s accounts, of whatever turn they are: an account has the latest one only. Called by the '
  'admin API.';
