create or replace function solver.keeps_archive()
  returns boolean
  language sql
  stable
return to_regclass('solver.turn_archive') is not null;

comment on function solver.keeps_archive is
  'Whether there is a table for the archive: a dump may have left it out. Called by whoever reads or writes archives.';
