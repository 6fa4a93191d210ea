create or replace function worker.has_collectors_outside(
  p_old_min bigint,
  p_old_max bigint,
  p_new_min bigint,
  p_new_max bigint
)
  returns boolean
  language sql
  stable
begin atomic
  select
    exists (
      select
      from worker.needed_worker_account as n
      where n.creditor_id between p_old_min and p_old_max and n.creditor_id not between p_new_min and p_new_max
    )
    or exists (
      select
      from worker.worker_account as a
      where a.creditor_id between p_old_min and p_old_max and a.creditor_id not between p_new_min and p_new_max
    );
end;

comment on function worker.has_collectors_outside is
  'Whether some collector of the old range is not within the new one, be it wanted or only not gone yet. Called by '
  'worker.check_collector_range.';
