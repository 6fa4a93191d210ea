create or replace function worker.interest_rate_horizon(out cutoff timestamptz, out row_limit integer)
  language sql
  stable
begin atomic
  with period as (
    -- A transfer attempt asks for rates as long as it lives, whatever the setting says.
    select greatest(
      c.interest_rate_history_period,
      c.turn_max_commit_period + greatest(c.sending_slack, c.dispatching_slack)
    ) as length
    from worker.configuration as c
  )
  select worker.now() - p.length, floor(extract(epoch from p.length) / 86400)::integer / 3 + 30
  from period as p;
end;

comment on function worker.interest_rate_horizon is
  'How much of an account''s interest rate history is kept: changes since cutoff and the one before, at most '
  'row_limit. Called before compact_interest_rates.';
