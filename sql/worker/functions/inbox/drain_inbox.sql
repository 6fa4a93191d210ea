create or replace function worker.drain_inbox(
  p_lane integer,
  p_limit integer,
  p_floor bigint,
  p_without text[] default '{}',
  out busy boolean,
  out taken integer,
  out floor bigint,
  out types jsonb
)
  language plpgsql
as $$
declare
  v_type text;
  v_messages jsonb[];
  v_last_id bigint;
  v_may_send boolean := false;
begin
  taken := 0;
  types := '{}';
  floor := p_floor;
  busy := not worker.try_lock_lane(p_lane);
  if busy then
    return;
  end if;
  if (select c.delete_parent_shard_records from worker.configuration as c) then
    -- Until the next messages are all of this shard.
    while (select d.dropped from worker.drop_foreign_messages(p_lane, p_limit, p_floor) as d) > 0 loop
      null;
    end loop;
  end if;
  for v_type, v_messages, v_last_id in execute format(
    $query$
      with batch as (
        -- Up to a last ID instead of a set of IDs: nobody else takes messages out of the lane, and one walk along the
        -- index suffices. A set may be joined by reading the whole table.
        delete from pgmq.%1$I
        where msg_id > $1
          and msg_id <= (
            select max(n.msg_id)
            from (
              select q.msg_id
              from pgmq.%1$I as q
              where q.msg_id > $1 and ($3 = '{}' or coalesce(q.message ->> 'type', '') <> all($3))
              order by q.msg_id
              limit $2
            ) as n
          )
          and ($3 = '{}' or coalesce(message ->> 'type', '') <> all($3))
        returning msg_id, message
      ),
      rounds as (
        select
          msg_id,
          message,
          message ->> 'type' as type,
          row_number() over (partition by worker.message_key(message) collate "C" order by msg_id) as round
        from batch
      )
      select type, array_agg(message order by msg_id) as messages, max(msg_id) as last_id
      from rounds
      group by type, round
      order by round, min(msg_id), type collate "C"
    $query$,
    'q_inbox_' || p_lane
  )
  using p_floor, p_limit, p_without
  loop
    perform worker.apply_messages(v_type, v_messages);
    taken := taken + cardinality(v_messages);
    types := types || jsonb_build_object(v_type, coalesce((types ->> v_type)::integer, 0) + cardinality(v_messages));
    floor := greatest(floor, v_last_id);
    v_may_send := v_may_send or v_type not in ('UpdatedLedger', 'UpdatedPolicy', 'UpdatedFlags');
  end loop;
  -- Transactions that notify commit one after the other, so those that send nothing should not.
  if v_may_send then
    perform pg_notify('worker_outbox', '');
  end if;
end
$$;

comment on function worker.drain_inbox is
  'Takes up to p_limit messages after msg_id p_floor out of a lane and applies them, one set-based call per type '
  'and round; the messages of one key keep their order. A data error of one message fails them all: roll back and '
  'call drain_inbox_singly. The caller passes floor on as p_floor after the commit, and lower ones now and then, '
  'because IDs may commit out of order. p_without: types that stay where they are, because their handler fails. types: '
  'how many messages of each type. Called by the drain loop.';
