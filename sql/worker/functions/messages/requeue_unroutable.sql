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
    order by message_type
  loop
    v_count := v_count + cardinality(v_group.messages);
    if v_group.message_type = 'FinalizeTransfer' then
      insert into outbox.finalize_transfer (
        creditor_id, debtor_id, transfer_id, coordinator_id, coordinator_request_id,
        committed_amount, transfer_note_format, transfer_note, ts
      )
      select
        x.creditor_id, x.debtor_id, x.transfer_id, x.coordinator_id, x.coordinator_request_id,
        x.committed_amount, x.transfer_note_format, x.transfer_note, x.ts
      from unnest(v_group.messages) with ordinality as m(message, n)
      cross join lateral jsonb_to_record(m.message) as x(
        creditor_id bigint, debtor_id bigint, transfer_id bigint, coordinator_id bigint, coordinator_request_id bigint,
        committed_amount bigint, transfer_note_format text, transfer_note text, ts timestamptz
      )
      order by m.n;
    else
      execute format(
        'insert into pgmq.%I (vt, message) select ''-infinity'', m from unnest($1) as m',
        'q_' || worker.outgoing_queue(v_group.message_type)
      )
      using v_group.messages;
    end if;
  end loop;
  return v_count;
end
$$;

comment on function worker.requeue_unroutable is
  'Puts parked messages back into their outgoing queues, so that they are offered to the broker again. Returns '
  'how many. Called by '
  'the outbound bridge now and then.';
