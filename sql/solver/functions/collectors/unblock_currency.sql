create or replace function solver.unblock_currency(p_debtor_id bigint, p_done_by text default session_user)
  returns boolean
  language sql
begin atomic
  with unblocked as (
    delete from solver.blocked_currency where debtor_id = p_debtor_id
    returning debtor_id
  )
  select count(*) > 0
  from unblocked as u
  cross join lateral solver.note_action(
    p_done_by, 'unblocked a currency', jsonb_build_object('debtor_id', u.debtor_id)
  );
end;

comment on function solver.unblock_currency is
  'Lets a currency get collector accounts again when somebody wants to trade it. False: it was not blocked. Called by '
  'operators.';
