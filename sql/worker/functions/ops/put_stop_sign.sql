create or replace function worker.put_stop_sign(p_queue text, p_binding_key text, p_reason text)
  returns void
  language sql
begin atomic
  insert into worker.stop_sign (queue, binding_key, reason, put_at)
  values (p_queue, p_binding_key, p_reason, worker.now())
  on conflict (queue, binding_key) do update set reason = excluded.reason, put_at = excluded.put_at;
end;

comment on function worker.put_stop_sign is
  'Takes nothing more from a queue of the broker for the shard with this binding key. Called by consumers.';
