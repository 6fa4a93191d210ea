create or replace function worker.replay_set_aside(p_ids bigint[], p_decided_by text default session_user)
  returns integer
  language plpgsql
  security definer
as $$
declare
  v_replayed bigint[];
  v_queue text;
  v_type text;
  v_messages jsonb[];
begin
  with chosen as (
    delete from worker.set_aside as s
    where s.set_aside_id = any(p_ids)
      -- A message to this shard whose key belongs to another one would be applied by the wrong shard.
      and not (
        s.queue like 'inbox\_%'
        and coalesce(not worker.in_realm(worker.sharding_hash(s.body)), false)
      )
    returning s.*
  ),
  decided as (
    insert into worker.set_aside_decision (
      set_aside_id, is_replay, decided_by, decided_at, queue, message_type, body, sqlstate, error, failures,
      set_aside_at
    )
    select
      c.set_aside_id, true, p_decided_by, worker.now(), c.queue, c.message_type, c.body, c.sqlstate, c.error,
      c.failures, c.set_aside_at
    from chosen as c
    returning set_aside_id
  )
  select array_agg(d.set_aside_id) into v_replayed from decided as d;

  for v_queue, v_type, v_messages in
    select q.queue, q.message_type, array_agg(q.body order by q.set_aside_id)
    from (
      select
        d.set_aside_id,
        d.body,
        case
          when d.queue like 'inbox\_%'
            then coalesce('inbox_' || worker.lane_of(worker.sharding_hash(d.body)), d.queue)
          else d.queue
        end as queue,
        case when d.queue not like 'inbox\_%' then d.message_type end as message_type
      from worker.set_aside_decision as d
      where d.set_aside_id = any(v_replayed)
    ) as q
    group by q.queue, q.message_type
    order by q.queue collate "C", q.message_type collate "C"
  loop
    if v_type is not null then
      perform worker.requeue_outgoing(v_type, v_messages);
    else
      execute format('insert into pgmq.%I (vt, message) select ''-infinity'', m from unnest($1) as m', 'q_' || v_queue)
      using v_messages;
      perform pg_notify('worker_inbox', substr(v_queue, 7));
    end if;
  end loop;
  if cardinality(v_replayed) > 0 then
    perform worker.note_action(p_decided_by, 'replayed messages', jsonb_build_object('messages', v_replayed));
  end if;
  return coalesce(cardinality(v_replayed), 0);
end
$$;

comment on function worker.replay_set_aside is
  'Puts messages that were set aside back into their queues, notes who decided so, and returns how many; messages to '
  'another shard stay. One that fails again is set aside again, its failures counted on. Called by operators, when '
  'the cause is mended.';
