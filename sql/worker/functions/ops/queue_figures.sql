create or replace function worker.queue_figures(p_limit integer)
  returns table (queue text, kind text, message_type text, messages bigint, oldest_seconds double precision)
  language sql
  security definer
  stable
begin atomic
  select t.queue, s.kind, s.message_type, s.messages, s.oldest_seconds
  from worker.queue_tables() as t
  cross join lateral worker.queue_state(t.queue, p_limit) as s
  order by s.kind collate "C", t.queue collate "C";
end;

comment on function worker.queue_figures is
  'How many messages wait in each queue of this shard, counted up to p_limit, and for how many seconds the oldest of '
  'these does. kind: inbox (a lane), outbox (of one message type), requests (for the solver database), unroutable (no '
  'queue of the broker wanted them), set_aside (could not be applied), failed (no messages, but payments that nobody '
  'tries any more). Called by the metrics server and the admin API.';
