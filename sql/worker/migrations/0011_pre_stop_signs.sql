create table worker.stop_sign (
  queue text collate "C" not null,
  binding_key text collate "C" not null,
  reason text collate "C" not null,
  put_at timestamptz not null,
  primary key (queue, binding_key)
);

comment on table worker.stop_sign is
  'Queues of the broker from which nothing is taken, as most of their messages belong to other shards. A process that '
  'is started again would only give them back once more, and a message that was given back too often is a dead letter.';
comment on column worker.stop_sign.binding_key is 'That of the shard which stopped; for others the queue may be fine.';
