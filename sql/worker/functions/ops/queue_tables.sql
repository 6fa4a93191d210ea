create or replace function worker.queue_tables()
  returns table (
    queue text,
    kind text,
    table_schema text,
    table_name text,
    id_column text,
    moment_column text,
    body_column text
  )
  language sql
  stable
begin atomic
  select
    m.queue_name collate "C",
    case
      when m.queue_name collate "C" like 'inbox\_%' then 'inbox'
      when m.queue_name collate "C" like 'out\_%' then 'outbox'
      else 'requests'
    end,
    'pgmq',
    'q_' || m.queue_name,
    'msg_id',
    'enqueued_at',
    'message'
  from pgmq.meta as m
  union all
  values
    ('out_prepare_transfer', 'outbox', 'outbox', 'prepare_transfer', 'outbox_id', 'ts', null),
    ('out_finalize_transfer', 'outbox', 'outbox', 'finalize_transfer', 'outbox_id', 'ts', null),
    ('unroutable', 'unroutable', 'worker', 'unroutable_message', 'unroutable_id', 'parked_at', 'message'),
    ('set_aside', 'set_aside', 'worker', 'set_aside', 'set_aside_id', 'set_aside_at', 'body'),
    ('failed_transfer', 'failed', 'worker', 'failed_transfer', 'coordinator_request_id', 'attempted_at', null);
end;

comment on function worker.queue_tables is
  'All queues of this shard, and in which table what waits there is: its ID, since when it waits, and its body (null: '
  'the other columns are). For kind see queue_figures. Called by queue_state and queue_messages.';
