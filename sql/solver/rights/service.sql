-- All processes of the solver and of the workers. Not theirs: what the installation is, and what was
-- installed, nor the record of what people have changed.
grant usage on schema solver to the_role;
grant select, insert, update, delete on all tables in schema solver to the_role;
grant usage on all sequences in schema solver to the_role;
grant execute on all functions in schema solver to the_role;
revoke insert, update, delete on solver.applied_file, solver.installation, solver.operator_action from the_role;
revoke all on solver.granted_role from the_role;
revoke execute on function solver.make_installation from the_role;
