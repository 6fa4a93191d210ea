create or replace function worker.requeue_outgoing(p_type text, p_messages jsonb[])
  returns void
  language plpgsql
as $$
begin
  if p_type = 'FinalizeTransfer' then
    insert into outbox.finalize_transfer (
      creditor_id, debtor_id, transfer_id, coordinator_id, coordinator_request_id,
      committed_amount, transfer_note_format, transfer_note, ts
    )
    select
      x.creditor_id, x.debtor_id, x.transfer_id, x.coordinator_id, x.coordinator_request_id,
      x.committed_amount, x.transfer_note_format, x.transfer_note, x.ts
    from unnest(p_messages) with ordinality as m(message, n)
    cross join lateral jsonb_to_record(m.message) as x(
      creditor_id bigint, debtor_id bigint, transfer_id bigint, coordinator_id bigint, coordinator_request_id bigint,
      committed_amount bigint, transfer_note_format text, transfer_note text, ts timestamptz
    )
    order by m.n;
  elsif p_type = 'PrepareTransfer' then
    insert into outbox.prepare_transfer (
      creditor_id, debtor_id, coordinator_request_id, min_locked_amount, max_locked_amount,
      recipient, final_interest_rate_ts, max_commit_delay, ts
    )
    select
      x.creditor_id, x.debtor_id, x.coordinator_request_id, x.min_locked_amount, x.max_locked_amount,
      x.recipient, x.final_interest_rate_ts, x.max_commit_delay, x.ts
    from unnest(p_messages) with ordinality as m(message, n)
    cross join lateral jsonb_to_record(m.message) as x(
      creditor_id bigint, debtor_id bigint, coordinator_request_id bigint, min_locked_amount bigint,
      max_locked_amount bigint, recipient text, final_interest_rate_ts timestamptz, max_commit_delay integer,
      ts timestamptz
    )
    order by m.n;
  else
    execute format(
      'insert into pgmq.%I (vt, message) select ''-infinity'', m from unnest($1) as m',
      'q_' || worker.outgoing_queue(p_type)
    )
    using p_messages;
  end if;
  perform pg_notify('worker_outbox', '');
end
$$;

comment on function worker.requeue_outgoing is
  'Puts outgoing messages of one type back into their queue. Called by requeue_unroutable and replay_set_aside.';
