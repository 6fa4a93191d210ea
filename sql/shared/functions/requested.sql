create or replace function shared.requested()
  returns smallint
  language sql
  immutable
  parallel safe
begin atomic
  select 1::smallint;
end;

comment on function shared.requested is
  'A collector whose account has been asked for: a status of solver.collector_account.';
