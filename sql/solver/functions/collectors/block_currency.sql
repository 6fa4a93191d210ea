create or replace function solver.block_currency(p_debtor_id bigint, p_done_by text default session_user)
  returns boolean
  language sql
begin atomic
  -- Whoever creates collectors of the currency now is done first, and looks here under the same lock.
  select pg_advisory_xact_lock(7310, solver.hash32(p_debtor_id));

  with blocked as (
    insert into solver.blocked_currency (debtor_id, blocked_at)
    values (p_debtor_id, solver.now())
    on conflict (debtor_id) do nothing
    returning debtor_id
  )
  select count(*) > 0
  from blocked as b
  cross join lateral solver.note_action(
    p_done_by, 'blocked a currency', jsonb_build_object('debtor_id', b.debtor_id)
  );
end;

comment on function solver.block_currency is
  'Lets a currency get no new collector accounts, except from operators. The ones it has stay. False: it was blocked '
  'before. Called by operators, and by remove_collector.';
