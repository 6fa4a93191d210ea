create or replace function worker.next_backoff_counter(p_counter integer)
  returns smallint
  language sql
  immutable
  parallel safe
begin atomic
  select least(greatest(p_counter + 1, 3), 32767)::smallint;
end;

comment on function worker.next_backoff_counter is
  'The back-off counter after another failure. The jump to 3 gives the second try eight times more time. '
  'Called by the functions that reschedule transfers.';
