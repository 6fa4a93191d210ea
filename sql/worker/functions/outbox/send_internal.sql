create or replace function worker.send_internal(p_type text, p_key_hashes integer[], p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_config worker.configuration;
  v_lane integer;
  v_messages jsonb[];
  v_queue text;
begin
  if coalesce(cardinality(p_messages), 0) = 0 then
    return;
  end if;
  if cardinality(p_key_hashes) <> cardinality(p_messages) then
    raise exception using errcode = 'ST901', message = 'every internal message needs one key hash',
      detail = format('%s: %s hashes, %s messages', p_type, cardinality(p_key_hashes), cardinality(p_messages));
  end if;
  select * into strict v_config from worker.configuration;

  -- Keys of this shard: straight into the lane of the receiver. All others (lane null): to the broker.
  for v_lane, v_messages in
    select
      case
        when v_config.local_delivery and (m.key_hash & v_config.realm_mask) = v_config.realm
          then m.key_hash & (v_config.lane_count - 1)
      end as lane,
      array_agg(m.message order by m.n)
    from unnest(p_key_hashes, p_messages) with ordinality as m (key_hash, message, n)
    group by lane
    order by lane
  loop
    v_queue := case when v_lane is null then worker.outgoing_queue(p_type) else 'inbox_' || v_lane end;
    execute format('insert into pgmq.%I (vt, message) select ''-infinity'', m from unnest($1) as m', 'q_' || v_queue)
    using v_messages;
    if v_lane is null then
      perform pg_notify('worker_outbox', '');
    else
      perform pg_notify('worker_inbox', v_lane::text);
    end if;
  end loop;
end
$$;

comment on function worker.send_internal is
  'Sends internal messages of one type. p_key_hashes: hash of each message''s sharding key. Keys of this shard go'
  ' into their lane '
  'within this transaction (unless local delivery is off), all others to the broker. Called by every handler and step.';
