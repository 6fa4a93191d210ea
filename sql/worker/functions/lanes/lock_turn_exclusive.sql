create or replace function worker.lock_turn_exclusive(p_turn_id integer)
  returns void
  language sql
begin atomic
  select pg_advisory_xact_lock(7302, p_turn_id & 255);
end;

comment on function worker.lock_turn_exclusive is
  'Keeps everybody else away from the turn until the end of the transaction. Called by steps that change its '
  'phase or that '
  'candidate offers and early payments must not overlap.';
