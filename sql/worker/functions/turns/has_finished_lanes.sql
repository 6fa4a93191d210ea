create or replace function worker.has_finished_lanes(p_turn_id integer, p_phase integer)
  returns boolean
  language sql
  stable
begin atomic
  select not exists (select from worker.open_lanes(p_turn_id, p_phase));
end;

comment on function worker.has_finished_lanes is
  'Has every lane done the bulk step of a turn''s phase? Called by the last part of the bulk steps.';
