create or replace function shared.compatibility_number()
  returns integer
  language sql
  immutable
  parallel safe
begin atomic
  select 1;
end;

comment on function shared.compatibility_number is
  'Releases with the same number can work with this database side by side. It grows when an earlier release could '
  'do so no longer. Read by every process when it starts, and by configure and await_migrations.';
