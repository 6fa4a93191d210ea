create or replace function worker.earlier_failures(p_body jsonb)
  returns integer
  language sql
  stable
begin atomic
  select coalesce(max(d.failures), 0) from worker.set_aside_decision as d where d.body = p_body and d.is_replay;
end;

comment on function worker.earlier_failures is
  'How often a message that was replayed had failed before. Called where messages are set aside.';
