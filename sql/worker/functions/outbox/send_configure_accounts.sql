create or replace function worker.send_configure_accounts(p_messages jsonb[])
  returns void
  language sql
begin atomic
  insert into pgmq.q_out_configure_account (vt, message)
  select '-infinity', m.message
  from unnest(p_messages) with ordinality as m(message, n)
  order by m.n;

  select pg_notify('worker_outbox', '')
  where cardinality(p_messages) > 0;
end;

comment on function worker.send_configure_accounts is
  'Sends ConfigureAccount messages to accounting authorities. Called when collector accounts are wanted or '
  'discarded.';
