create or replace function solver.make_installation()
  returns uuid
  language sql
begin atomic
  insert into solver.installation (installation_id, made_at) values (gen_random_uuid(), solver.now())
  on conflict (only_row) do nothing;
  select i.installation_id from solver.installation as i;
end;

comment on function solver.make_installation is
  'The ID of this installation, made now if there is none. Called by configure.';
