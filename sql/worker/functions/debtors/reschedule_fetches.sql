create or replace function worker.reschedule_fetches(p_limit integer)
  returns void
  language sql
begin atomic
  update worker.debtor_info_fetch as f set
    scheduled_at = worker.now(),
    next_attempt_at = worker.now(),
    leased_url = null
  where f.ctid = any(array(
    select d.ctid
    from worker.debtor_info_fetch as d
    where d.scheduled_at > worker.latest_credible_moment()
    order by d.scheduled_at
    limit p_limit
    for update skip locked
  ));
end;

comment on function worker.reschedule_fetches is
  'Makes fetches due that were scheduled while our clock ran ahead: leases and pauses that would last until then. '
  'Called by take_due_fetches.';
