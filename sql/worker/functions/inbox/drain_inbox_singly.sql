create or replace function worker.drain_inbox_singly(
  p_lane integer,
  p_limit integer,
  p_floor bigint,
  p_without text[] default '{}',
  out busy boolean,
  out taken integer,
  out floor bigint,
  out set_aside integer,
  out types jsonb
)
  language plpgsql
as $$
declare
  v_msg_id bigint;
  v_message jsonb;
begin
  taken := 0;
  set_aside := 0;
  types := '{}';
  floor := p_floor;
  busy := not worker.try_lock_lane(p_lane);
  if busy then
    return;
  end if;
  if (select c.delete_parent_shard_records from worker.configuration as c) then
    -- Until the next messages are all of this shard.
    while (select d.dropped from worker.drop_foreign_messages(p_lane, least(p_limit, 50), p_floor) as d) > 0 loop
      null;
    end loop;
  end if;
  for v_msg_id, v_message in execute format(
    $query$
      with batch as (
        delete from pgmq.%1$I
        where msg_id in (
          select q.msg_id
          from pgmq.%1$I as q
          where q.msg_id > $1 and ($3 = '{}' or coalesce(q.message ->> 'type', '') <> all($3))
          order by q.msg_id
          limit least($2, 50)
        )
        returning msg_id, message
      )
      select msg_id, message from batch order by msg_id
    $query$,
    'q_inbox_' || p_lane
  )
  using p_floor, p_limit, p_without
  loop
    taken := taken + 1;
    floor := v_msg_id;
    begin
      perform worker.apply_messages(v_message ->> 'type', array[v_message]);
      types := types || jsonb_build_object(
        v_message ->> 'type', coalesce((types ->> (v_message ->> 'type'))::integer, 0) + 1
      );
    exception
      when others then
        -- Only errors of the message itself; trouble of the surroundings must not empty the inbox.
        if not worker.is_data_error(sqlstate) then
          raise;
        end if;
        insert into worker.set_aside (queue, message_type, body, sqlstate, error, failures, set_aside_at)
        values (
          'inbox_' || p_lane, v_message ->> 'type', v_message, sqlstate, sqlerrm,
          -- Once in its batch, once alone. A transaction that fails because of its data fails the same way again.
          2 + worker.earlier_failures(v_message), worker.now()
        );
        set_aside := set_aside + 1;
    end;
  end loop;
  if taken > 0 then
    perform pg_notify('worker_outbox', '');
  end if;
end
$$;

comment on function worker.drain_inbox_singly is
  'Like drain_inbox, but each message in a savepoint, at most 50 a call: the good ones are applied, the bad ones go to '
  'worker.set_aside with the reason. types: how many of each type were applied. Called by the drain loop after '
  'drain_inbox failed because of its data.';
