create or replace function worker.requeue_unroutable(p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_group record;
  v_count integer := 0;
begin
  for v_group in
    with batch as (
      delete from worker.unroutable_message
      where unroutable_id in (
        select u.unroutable_id from worker.unroutable_message as u order by u.unroutable_id limit p_limit for update skip locked
      )
      returning unroutable_id, message_type, message
    )
    select message_type, array_agg(message order by unroutable_id) as messages
    from batch
    group by message_type
    order by message_type collate "C"
  loop
    v_count := v_count + cardinality(v_group.messages);
    perform worker.requeue_outgoing(v_group.message_type, v_group.messages);
  end loop;
  return v_count;
end
$$;

comment on function worker.requeue_unroutable is
  'Puts parked messages back into their outgoing queues, so that they are offered to the broker again. Returns '
  'how many. Called by '
  'the outbound bridge now and then.';
