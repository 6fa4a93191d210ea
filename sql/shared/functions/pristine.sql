create or replace function shared.pristine()
  returns smallint
  language sql
  immutable
  parallel safe
begin atomic
  select 0::smallint;
end;

comment on function shared.pristine is
  'A collector whose account has not been asked for yet: a status of solver.collector_account.';
