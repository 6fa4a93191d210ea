create or replace function solver.phase_due_at(p_turn solver.turn)
  returns timestamptz
  language sql
  stable
begin atomic
  -- A moment in the future counts as absent: nobody knows since when the turn waits, so it is shown as long ago.
  select case
    when p_turn.phase < 3 and solver.past_moment(p_turn.started_at) is not null then p_turn.phase_deadline
    else coalesce(solver.past_moment(p_turn.collection_started_at), timestamptz '1970-01-01 00:00:00+00')
  end;
end;

comment on function solver.phase_due_at is
  'When the phase of an open turn should end: phases 1 and 2 at their deadline, phase 3 as soon as it has begun; 1970 '
  'when that was stamped by a clock that ran ahead. Called by overdue_turns and turn_figures.';
