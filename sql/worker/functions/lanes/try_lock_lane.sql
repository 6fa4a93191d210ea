create or replace function worker.try_lock_lane(p_lane integer)
  returns boolean
  language sql
begin atomic
  select pg_try_advisory_xact_lock(7301, p_lane);
end;

comment on function worker.try_lock_lane is
  'Makes this transaction the only one that works on the lane. False: somebody else does; take another lane and '
  'come back. '
  'First statement of every drain call and every lane step.';
