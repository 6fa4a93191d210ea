create or replace function worker.advance_dispatching(p_lane integer, p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_merged integer;
  v_statuses worker.dispatching_key[];
begin
  if not worker.try_lock_lane(p_lane) then
    return 0;
  end if;

  -- Step 3/0 has merged them all; what is left here came through a gap that should not exist.
  select coalesce(sum(worker.merge_early_arrivals(t.turn_id, p_lane)), 0) into v_merged
  from (
    select distinct e.turn_id
    from worker.early_arrival as e
    cross join worker.configuration as c
    where (e.key_hash & (c.lane_count - 1)) = p_lane
      and (e.key_hash & c.realm_mask) = c.realm
    order by 1
  ) as t
  where exists (
    select
    from worker.worker_turn_lane as l
    where l.turn_id = t.turn_id and l.phase = 3 and l.subphase = 0 and l.lane = p_lane
  )
  or exists (
    select
    from worker.worker_turn as w
    where w.turn_id = t.turn_id and w.phase = 3 and w.worker_turn_subphase >= 5
  );

  select array_agg(row(r.collector_id, r.turn_id, r.debtor_id)::worker.dispatching_key) into v_statuses
  from (
    select s.collector_id, s.turn_id, s.debtor_id
    from worker.dispatching_status as s
    cross join worker.configuration as c
    where (s.key_hash & (c.lane_count - 1)) = p_lane
      and (s.key_hash & c.realm_mask) = c.realm
      and case
        when s.started_dispatching then not exists (
          select
          from worker.worker_dispatching as w
          where w.collector_id = s.collector_id and w.turn_id = s.turn_id and w.debtor_id = s.debtor_id
        )
        when s.started_sending and not s.all_sent then not exists (
          select
          from worker.worker_sending as w
          where w.from_collector_id = s.collector_id and w.turn_id = s.turn_id and w.debtor_id = s.debtor_id
        )
        when s.awaiting_signal_flag then false
        when s.all_sent then not exists (
          select
          from worker.worker_receiving as w
          where w.to_collector_id = s.collector_id
            and w.turn_id = s.turn_id
            and w.debtor_id = s.debtor_id
            and w.received_amount = 0
        )
        else not exists (
          select
          from worker.worker_collecting as w
          where w.collector_id = s.collector_id
            and w.turn_id = s.turn_id
            and w.debtor_id = s.debtor_id
            and not w.collected
        )
      end
    order by s.turn_id, s.collector_id, s.debtor_id
    limit p_limit
  ) as r;
  if v_statuses is null then
    return v_merged;
  end if;
  return v_merged + worker.advance_statuses(v_statuses);
end
$$;

comment on function worker.advance_dispatching is
  'Lets up to p_limit collectors of a lane take the steps for which nothing is missing any more, and returns how many '
  'were taken (plus early arrivals that were left over). 0 also if somebody else works on the lane. One call is one '
  'transaction. Called periodically by the worker: the safety net behind the handlers.';
