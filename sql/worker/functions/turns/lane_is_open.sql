create or replace function worker.lane_is_open(p_turn_id integer, p_phase integer, p_lane integer)
  returns boolean
  language sql
  stable
begin atomic
  select exists (
    select from worker.worker_turn as w
    where w.turn_id = p_turn_id
      and w.phase = p_phase
      and w.worker_turn_subphase = 0
      and (w.phase_deadline is null or w.phase_deadline > worker.now())
  )
  and not exists (
    select from worker.worker_turn_lane as l
    where l.turn_id = p_turn_id and l.phase = p_phase and l.subphase = 0 and l.lane = p_lane
  );
end;

comment on function worker.lane_is_open is
  'Is the bulk step of a turn''s phase still to do in this lane? The caller holds the lane and a lock of the turn. '
  'Called by the lane steps.';
