create or replace function worker.note_action(p_done_by text, p_action text, p_subject jsonb)
  returns void
  language sql
  security definer
begin atomic
  insert into worker.operator_action (done_at, done_by, action, subject)
  values (worker.now(), p_done_by, p_action, p_subject);
end;

comment on function worker.note_action is
  'Records what somebody has changed, with who is connected. Called by the functions for operators that change '
  'something, in the same transaction.';
