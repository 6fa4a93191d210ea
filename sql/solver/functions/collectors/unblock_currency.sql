create or replace function solver.unblock_currency(p_debtor_id bigint)
  returns boolean
  language sql
begin atomic
  with unblocked as (
    delete from solver.blocked_currency where debtor_id = p_debtor_id
    returning 1
  )
  select exists (select from unblocked);
end;

comment on function solver.unblock_currency is
  'Lets a currency get collector accounts again when somebody wants to trade it. False: it was not blocked. Called by '
  'operators.';
