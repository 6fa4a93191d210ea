create or replace function worker.next_subphase(p_phase integer, p_subphase integer)
  returns smallint
  language sql
  immutable
  parallel safe
begin atomic
  select case when p_phase > 1 and p_subphase = 0 then 5 else 10 end::smallint;
end;

comment on function worker.next_subphase is
  'The sub-phase after a step: 5 after the bulk steps 2/0 and 3/0, otherwise 10, the final one. Called by the turn '
  'steps.';
