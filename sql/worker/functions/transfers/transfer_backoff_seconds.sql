create or replace function worker.transfer_backoff_seconds(p_wait interval, p_counter integer)
  returns integer
  language sql
  immutable
  parallel safe
begin atomic
  select least(
    least(trunc(extract(epoch from p_wait)), 2147483647)::bigint << least(p_counter, 31), 2147483647
  )::integer;
end;

comment on function worker.transfer_backoff_seconds is
  'Seconds that a try may take, and until the next one: p_wait (the healthy commit delay), doubled p_counter times, '
  'at most 2^31 - 1. Called by the functions that try transfers.';
