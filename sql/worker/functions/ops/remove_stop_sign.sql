create or replace function worker.remove_stop_sign(p_queue text, p_binding_key text)
  returns boolean
  language sql
begin atomic
  with gone as (
    delete from worker.stop_sign as s where s.queue = p_queue and s.binding_key = p_binding_key
    returning true
  )
  select exists (select from gone);
end;

comment on function worker.remove_stop_sign is
  'Lets a queue of the broker be consumed again; returns whether it was not. Called by operators, and by consumers '
  'that find the queue empty.';
