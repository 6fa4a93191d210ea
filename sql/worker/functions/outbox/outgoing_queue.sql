create or replace function worker.outgoing_queue(p_type text)
  returns text
  language sql
  immutable
  parallel safe
begin atomic
  select 'out' || lower(regexp_replace(p_type collate "C", '([A-Z])', '_\1', 'g'));
end;

comment on function worker.outgoing_queue is
  'Name of the queue with outgoing messages of a type, for example out_trigger_transfer.';
