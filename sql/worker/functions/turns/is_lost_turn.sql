create or replace function worker.is_lost_turn(p_turn_id integer)
  returns boolean
  language sql
  stable
as $$
  select coalesce(
    (select w.is_lost from worker.worker_turn as w where w.turn_id = p_turn_id),
    p_turn_id < (select max(w.turn_id) from worker.worker_turn as w),
    false
  )
$$;

comment on function worker.is_lost_turn is
  'Whether the result of a turn will never come here: the turn is known as lost, or is unknown and has a lower ID than '
  'a known one. Called wherever payments of such turns are looked at.';
