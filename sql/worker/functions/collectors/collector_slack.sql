create or replace function worker.collector_slack(p_configuration worker.configuration)
  returns interval
  language sql
  immutable
  parallel safe
begin atomic
  select p_configuration.turn_max_commit_period
    + greatest(
      p_configuration.collecting_slack, p_configuration.sending_slack, p_configuration.dispatching_slack
    )
    + p_configuration.extreme_message_delay;
end;

comment on function worker.collector_slack is
  'How long payments of turns may come and go after no new turn uses a collector any more. Called by '
  'scan_needed_worker_accounts and by the pristine poll.';
