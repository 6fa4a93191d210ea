create or replace function shared.active()
  returns smallint
  language sql
  immutable
  parallel safe
begin atomic
  select 2::smallint;
end;

comment on function shared.active is
  'A collector whose account exists: it takes part in turns: a status of solver.collector_account.';
