create or replace function worker.set_aside_outgoing(p_type text, p_messages jsonb[], p_errors text[])
  returns void
  language sql
begin atomic
  insert into worker.set_aside (queue, message_type, body, sqlstate, error, failures, set_aside_at)
  select
    worker.outgoing_queue(p_type), p_type, b.body, 'ST003', m.error, 1 + worker.earlier_failures(b.body), worker.now()
  from unnest(p_messages, p_errors) with ordinality as m(message, error, n)
  -- The typed tables give every row a new outbox_id; without it a message stays the same when it is replayed.
  cross join lateral (select m.message - 'outbox_id' as body) as b
  order by m.n;
end;

comment on function worker.set_aside_outgoing is
  'Sets outgoing messages aside that do not fit their wire type: their receivers would refuse them. Called by the '
  'outbound bridge.';
