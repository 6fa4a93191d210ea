create or replace function worker.park_unroutable(p_type text, p_messages jsonb[])
  returns void
  language sql
begin atomic
  insert into worker.unroutable_message (message_type, message, parked_at)
  select p_type, m.message, worker.now()
  from unnest(p_messages) with ordinality as m(message, n)
  order by m.n;
end;

comment on function worker.park_unroutable is
  'Keeps messages that the broker returned because no queue is bound for them. Called by the outbound bridge.';
