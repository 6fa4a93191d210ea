create or replace function worker.try_lock_turn_shared(p_turn_id integer)
  returns boolean
  language sql
begin atomic
  select pg_try_advisory_xact_lock_shared(7302, p_turn_id & 255);
end;

comment on function worker.try_lock_turn_shared is
  'Like lock_turn_shared, but gives up when a step that changes the turn is under way. Called for candidate offers.';
