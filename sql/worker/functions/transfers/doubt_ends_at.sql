create or replace function worker.doubt_ends_at(p_backoff_counter integer)
  returns timestamptz
  language sql
  stable
begin atomic
  -- A try in the lost time had a later counter than the one known here. The time that a try may take doubles from one
  -- to the next, so it is at most the double of the time that was lost.
  select max(
    -- Clocks of authorities may differ.
    s.noticed_at + interval '10 minutes'
    + greatest(
      make_interval(secs => worker.transfer_backoff_seconds(
        c.healthy_max_commit_delay, worker.next_backoff_counter(p_backoff_counter)
      )),
      least(2 * (s.noticed_at - s.last_seen_at), interval '10 years')
    )
  )
  from worker.step_back as s
  cross join worker.configuration as c
  where s.ended_at is null;
end;

comment on function worker.doubt_ends_at is
  'When no request for a payment can be under way any more that was sent in the time which the database lost; null '
  'when no step back is open. p_backoff_counter: that of the transfer attempt. Called wherever payments are held.';
