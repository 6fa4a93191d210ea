create or replace function worker.apply_start_sending(p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_statuses worker.dispatching_key[];
begin
  select array_agg(row(r.collector_id, r.turn_id, r.debtor_id)::worker.dispatching_key) into v_statuses
  from (
    select s.collector_id, s.turn_id, s.debtor_id
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (collector_id bigint, turn_id integer, debtor_id bigint)
    join worker.dispatching_status as s
      on s.collector_id = x.collector_id
      and s.turn_id = x.turn_id
      and s.debtor_id = x.debtor_id
    where s.awaiting_signal_flag
      and not s.started_sending
    order by s.collector_id, s.turn_id, s.debtor_id
    for update of s
  ) as r;
  if v_statuses is not null then
    perform worker.start_sendings(v_statuses);
  end if;
end
$$;

comment on function worker.apply_start_sending is
  'Handles StartSending, for statuses that wait for it. worker.advance_statuses takes the step without a message; only '
  'another implementation sends one. Called by the drain.';
