create or replace function solver.is_blocked(p_debtor_id bigint)
  returns boolean
  language sql
  security definer
  stable
begin atomic
  select exists (select from solver.blocked_currency where debtor_id = p_debtor_id);
end;

comment on function solver.is_blocked is
  'Does the currency get no new collector accounts by itself? Called wherever collectors are created without an '
  'operator, and by operators.';
