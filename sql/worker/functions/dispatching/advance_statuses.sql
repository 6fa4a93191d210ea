create or replace function worker.advance_statuses(p_statuses worker.dispatching_key[])
  returns integer
  language plpgsql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_ready worker.dispatching_key[];
  v_steps integer := 0;
  v_count integer;
begin
  -- All sellers have paid, or never will: send.
  select array_agg(row(r.collector_id, r.turn_id, r.debtor_id)::worker.dispatching_key) into v_ready
  from (
    select s.collector_id, s.turn_id, s.debtor_id
    from unnest(p_statuses) as k
    join worker.dispatching_status as s
      on s.collector_id = k.collector_id
      and s.turn_id = k.turn_id
      and s.debtor_id = k.debtor_id
    where not s.started_sending
      and not s.awaiting_signal_flag
      and not exists (
        select
        from worker.worker_collecting as c
        where c.collector_id = s.collector_id
          and c.turn_id = s.turn_id
          and c.debtor_id = s.debtor_id
          and not c.collected
      )
    order by s.collector_id, s.turn_id, s.debtor_id
    for update of s
  ) as r;
  if v_ready is not null then
    v_steps := v_steps + worker.start_sendings(v_ready);
  end if;

  -- All other collectors were paid.
  update worker.dispatching_status as s
  set all_sent = true
  from unnest(p_statuses) as k
  where s.collector_id = k.collector_id
    and s.turn_id = k.turn_id
    and s.debtor_id = k.debtor_id
    and s.started_sending
    and not s.all_sent
    and not exists (
      select
      from worker.worker_sending as w
      where w.from_collector_id = s.collector_id
        and w.turn_id = s.turn_id
        and w.debtor_id = s.debtor_id
    );
  get diagnostics v_count = row_count;
  v_steps := v_steps + v_count;

  -- All other collectors have paid, or never will: dispatch.
  select array_agg(row(r.collector_id, r.turn_id, r.debtor_id)::worker.dispatching_key) into v_ready
  from (
    select s.collector_id, s.turn_id, s.debtor_id
    from unnest(p_statuses) as k
    join worker.dispatching_status as s
      on s.collector_id = k.collector_id
      and s.turn_id = k.turn_id
      and s.debtor_id = k.debtor_id
    where s.all_sent
      and not s.started_dispatching
      and not s.awaiting_signal_flag
      and not exists (
        select
        from worker.worker_receiving as w
        where w.to_collector_id = s.collector_id
          and w.turn_id = s.turn_id
          and w.debtor_id = s.debtor_id
          and w.received_amount = 0
      )
    order by s.collector_id, s.turn_id, s.debtor_id
    for update of s
  ) as r;
  if v_ready is not null then
    v_steps := v_steps + worker.start_dispatchings(v_ready);
  end if;

  -- All buyers were paid: done.
  delete from worker.dispatching_status as s
  using unnest(p_statuses) as k
  where s.collector_id = k.collector_id
    and s.turn_id = k.turn_id
    and s.debtor_id = k.debtor_id
    and s.started_dispatching
    and not exists (
      select
      from worker.worker_dispatching as w
      where w.collector_id = s.collector_id
        and w.turn_id = s.turn_id
        and w.debtor_id = s.debtor_id
    );
  get diagnostics v_count = row_count;
  return v_steps + v_count;
end
$$;

comment on function worker.advance_statuses is
  'Lets the given collectors take those steps (collect, send, receive, dispatch) for which nothing is missing any '
  'more, as many as possible at once, and returns how many were taken. Called by worker.advance_dispatching, '
  'and by the handlers that remove obstacles.';
