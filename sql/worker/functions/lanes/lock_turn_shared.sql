-- One lock for every 256th turn: notes of a thousand invented turns must not fill the server's lock table.
create or replace function worker.lock_turn_shared(p_turn_id integer)
  returns void
  language sql
begin atomic
  select pg_advisory_xact_lock_shared(7302, p_turn_id & 255);
end;

comment on function worker.lock_turn_shared is
  'Waits until no step that changes the turn is under way, and keeps such steps out until the end of the transaction. '
  'Read the turn in a later statement.';
