create or replace function worker.advance_dispatching(p_lane integer, p_limit integer, p_skip integer default 0)
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
    where w.turn_id = t.turn_id and w.phase = 3 and w.worker_turn_subphase >= 5 and not w.is_lost
  );

  select array_agg(r) into v_statuses from worker.ready_statuses(p_lane, p_limit, p_skip) as r;
  if v_statuses is null then
    return v_merged;
  end if;
  return v_merged + worker.advance_statuses(v_statuses);
end
$$;

comment on function worker.advance_dispatching is
  'Lets up to p_limit collectors of a lane, without the first p_skip, take the steps for which nothing is missing any '
  'more, and returns how many were taken (plus early arrivals that were left over). 0 also if somebody else works on '
  'the lane. One call is one transaction. Called periodically by the worker: the safety net behind the handlers.';
