create or replace function solver.installation_id()
  returns uuid
  language sql
  security definer
  stable
begin atomic
  select i.installation_id from solver.installation as i;
end;

comment on function solver.installation_id is
  'The ID of this installation, null before the first configure. Called by every process that opens this database.';
