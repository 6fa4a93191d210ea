create or replace function worker.stop_sign(p_queue text, p_binding_key text)
  returns text
  language sql
  stable
begin atomic
  select s.reason from worker.stop_sign as s where s.queue = p_queue and s.binding_key = p_binding_key;
end;

comment on function worker.stop_sign is
  'Why nothing is taken from a queue of the broker for the shard with this binding key; null: it may be consumed. '
  'Called by consumers when they start.';
