create or replace function worker.queue_figures(p_limit integer)
  returns table (queue text, kind text, message_type text, messages bigint, oldest_seconds double precision)
  language plpgsql
  security definer
  stable
as $$
declare
  v_queue text;
  v_kind text;
  v_schema text;
  v_table text;
  v_moment text;
  v_id text;
begin
  for v_queue, v_kind, v_schema, v_table, v_moment, v_id in
    select
      m.queue_name collate "C",
      case
        when m.queue_name collate "C" like 'inbox\_%' then 'inbox'
        when m.queue_name collate "C" like 'out\_%' then 'outbox'
        else 'requests'
      end collate "C",
      'pgmq',
      'q_' || m.queue_name,
      'enqueued_at',
      'msg_id'
    from pgmq.meta as m
    union all
    values
      ('out_prepare_transfer', 'outbox', 'outbox', 'prepare_transfer', 'ts', 'outbox_id'),
      ('out_finalize_transfer', 'outbox', 'outbox', 'finalize_transfer', 'ts', 'outbox_id'),
      ('unroutable', 'unroutable', 'worker', 'unroutable_message', 'parked_at', 'unroutable_id'),
      ('set_aside', 'set_aside', 'worker', 'set_aside', 'set_aside_at', 'set_aside_id'),
      ('failed_transfer', 'failed', 'worker', 'failed_transfer', 'attempted_at', 'coordinator_request_id')
    order by 2, 1
  loop
    execute format(
      'select count(*), greatest(coalesce(extract(epoch from worker.now() - min(w.moment)), 0), 0) '
      'from (select q.%I as moment from %I.%I as q order by q.%I limit $1) as w',
      v_moment, v_schema, v_table, v_id
    )
    into messages, oldest_seconds
    using p_limit;
    queue := v_queue;
    kind := v_kind;
    message_type := case when v_kind = 'outbox' then worker.message_type_of(v_queue) else '' end;
    return next;
  end loop;
end
$$;

comment on function worker.queue_figures is
  'How many messages wait in each queue of this shard, counted up to p_limit, and for how many seconds the oldest of '
  'these does. kind: inbox (a lane), outbox (of one message type), requests (for the solver database), unroutable (no '
  'queue of the broker wanted them), set_aside (could not be applied), failed (no messages, but payments that nobody '
  'tries any more). Called by the metrics server and the admin API.';
