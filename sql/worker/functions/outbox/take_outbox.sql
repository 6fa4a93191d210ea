create or replace function worker.take_outbox(p_type text, p_limit integer, p_floor bigint)
  returns setof worker.outgoing_message
  language plpgsql
as $$
begin
  return query execute format(
    $query$
      with batch as (
        delete from pgmq.%1$I
        where msg_id in (
          select q.msg_id from pgmq.%1$I as q where q.msg_id > $1 order by q.msg_id limit $2 for update skip locked
        )
        returning msg_id, message
      )
      select msg_id, message from batch order by msg_id
    $query$,
    'q_' || worker.outgoing_queue(p_type)
  )
  using p_floor, p_limit;
end
$$;

comment on function worker.take_outbox is
  'Takes outgoing messages of a type out of their queue; they come back when the transaction is rolled back. '
  'Called by the '
  'outbound bridge, which commits after the broker confirmed.';
