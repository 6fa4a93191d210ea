create or replace function shared.disabled()
  returns smallint
  language sql
  immutable
  parallel safe
begin atomic
  select 3::smallint;
end;

comment on function shared.disabled is
  'A collector that was taken out of trade for good: a status of solver.collector_account.';
