create or replace function worker.account_figures(out held bigint, out misconfigured bigint, out lacking bigint)
  language sql
  security definer
  stable
begin atomic
  select
    (select count(*) from worker.unknown_account as k where k.status = 'held'),
    count(a.creditor_id) filter (where a.has_foreign_configuration),
    count(*) filter (where a.creditor_id is null and n.configured_at < worker.now() - c.extreme_message_delay)
  from worker.configuration as c
  left join worker.needed_worker_account as n on n.released_at is null and n.purged_at is null
  left join worker.worker_account as a on n.creditor_id = a.creditor_id and n.debtor_id = a.debtor_id;
end;

comment on function worker.account_figures is
  'Accounts that nobody asked for and that wait for an operator (held); needed ones that somebody else configured '
  '(misconfigured), or that no authority has told of within the extreme message delay (lacking). Called by the metrics '
  'server.';
