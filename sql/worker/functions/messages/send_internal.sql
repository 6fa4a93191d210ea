create or replace function worker.send_internal(p_type text, p_key_hashes integer[], p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_local boolean := (select local_delivery from worker.configuration);
  v_lane integer;
  v_messages jsonb[];
begin
  if coalesce(cardinality(p_messages), 0) = 0 then
    return;
  end if;
  if cardinality(p_key_hashes) <> cardinality(p_messages) then
    raise exception using errcode = 'ST901', message = 'every internal message needs one key hash',
      detail = format('%s: %s hashes, %s messages', p_type, cardinality(p_key_hashes), cardinality(p_messages));
  end if;

  -- Keys of this shard: straight into the lane of the receiver.
  for v_lane, v_messages in
    select worker.lane_of(m.key_hash), array_agg(m.message order by m.n)
    from unnest(p_key_hashes, p_messages) with ordinality as m(key_hash, message, n)
    where v_local and worker.in_realm(m.key_hash)
    group by 1
    order by 1
  loop
    execute format('insert into pgmq.%I (vt, message) select ''-infinity'', m from unnest($1) as m', 'q_inbox_' || v_lane)
    using v_messages;
    perform pg_notify('worker_inbox', v_lane::text);
  end loop;

  -- All others: to the broker.
  select array_agg(m.message order by m.n) into v_messages
  from unnest(p_key_hashes, p_messages) with ordinality as m(key_hash, message, n)
  where not (v_local and worker.in_realm(m.key_hash));
  if v_messages is not null then
    execute format(
      'insert into pgmq.%I (vt, message) select ''-infinity'', m from unnest($1) as m',
      'q_' || worker.outgoing_queue(p_type)
    )
    using v_messages;
    perform pg_notify('worker_outbox', '');
  end if;
end
$$;

comment on function worker.send_internal is
  'Sends internal messages of one type. p_key_hashes: hash of each message''s sharding key. Keys of this shard go'
  ' into their lane '
  'within this transaction (unless local delivery is off), all others to the broker. Called by every handler and step.';
