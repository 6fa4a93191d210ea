create or replace function solver.note_action(p_done_by text, p_action text, p_subject jsonb)
  returns void
  language sql
  security definer
begin atomic
  insert into solver.operator_action (done_at, done_by, action, subject)
  values (solver.now(), p_done_by, p_action, p_subject);
end;

comment on function solver.note_action is
  'Records what somebody has changed, with who is connected. Called by the functions for operators that change '
  'something, in the same transaction.';
