create or replace function worker.is_unanswered(
  p_attempt worker.transfer_attempt,
  p_configuration worker.configuration
)
  returns boolean
  language sql
  stable
begin atomic
  select p_attempt.failure_code is null
    and p_attempt.transfer_id is null
    and p_attempt.attempted_at
    + make_interval(
      secs => worker.transfer_backoff_seconds(p_configuration.healthy_max_commit_delay, p_attempt.backoff_counter)
    )
    + interval '1 day' < worker.now();
end;

comment on function worker.is_unanswered is
  'Did the current try of a transfer get no answer until a day after its deadline? Called by the scan of transfer '
  'attempts, and once more by end_unanswered_attempts.';
