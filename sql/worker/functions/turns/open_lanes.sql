create or replace function worker.open_lanes(p_turn_id integer, p_phase integer)
  returns setof integer
  language sql
  stable
begin atomic
  select lane
  from worker.configuration as c
    cross join lateral generate_series(0, c.lane_count - 1) as lane
  where not exists (
    select from worker.worker_turn_lane as l
    where l.turn_id = p_turn_id and l.phase = p_phase and l.subphase = 0 and l.lane = lane.lane
  )
  order by lane;
end;

comment on function worker.open_lanes is
  'The lanes in which the bulk step of a turn''s phase is still to do. Called by the worker''s turn loop.';
