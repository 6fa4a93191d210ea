-- 20 case not found, 21 cardinality, 22 data, 23 constraints, 54 limits of the program, ST ours, P0 raised in PL/pgSQL.
create or replace function worker.is_data_error(p_sqlstate text)
  returns boolean
  language sql
  immutable
  parallel safe
begin atomic
  select left(p_sqlstate, 2) in ('20', '21', '22', '23', '54', 'ST', 'P0');
end;

comment on function worker.is_data_error is
  'Is this the fault of the message, so that trying it again changes nothing? Everything else is trouble of the '
  'surroundings and must not empty the inbox. Has to agree with POISON_CLASSES of the bridges. Called by the drain.';
