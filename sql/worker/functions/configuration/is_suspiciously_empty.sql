create or replace function worker.is_suspiciously_empty()
  returns boolean
  language sql
  stable
begin atomic
  select
    not exists (select from worker.needed_worker_account)
    and not exists (select from worker.takeover)
    and exists (
      select
      from worker.identity as i
      where
        i.empty_accepted_at is null
        and i.bound_at > worker.now() - interval '14 days'
        and i.bound_at <= worker.latest_credible_moment()
    );
end;

comment on function worker.is_suspiciously_empty is
  'Whether this database has not known a single collector yet, since less than 14 days, and nobody said that this is '
  'right: the accounts that authorities report may be those of a database that was to be imported, or restored. Called '
  'by worker.judge_unknown_accounts and by the poll of collectors.';
