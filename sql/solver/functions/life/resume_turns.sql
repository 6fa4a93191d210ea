create or replace function solver.resume_turns(p_above integer, p_decided_by text)
  returns integer
  language plpgsql
as $$
declare
  v_above integer;
begin
  perform pg_advisory_xact_lock(7303, 0);
  v_above := solver.end_step_back(p_above, p_decided_by);
  if v_above is not null then
    perform solver.note_action(p_decided_by, 'resumed turns', jsonb_build_object('above_turn', v_above));
  end if;
  return v_above;
end
$$;

comment on function solver.resume_turns is
  'Lets turns go on although not every shard has reported, with IDs above p_above and above all that are known. '
  'Returns the ID above which they do, null if nothing was to be resumed. Called by operators.';
