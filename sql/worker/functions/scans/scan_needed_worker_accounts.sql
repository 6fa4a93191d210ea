create or replace function worker.scan_needed_worker_accounts(
  p_first_block bigint,
  p_last_block bigint,
  p_limit integer
)
  returns integer
  language plpgsql
as $$
declare
  v_settings worker.configuration := (select c from worker.configuration as c);
  v_lanes integer[] := worker.try_lock_lanes();
  v_first tid := worker.first_row_id(p_first_block);
  v_end tid := worker.first_row_id(p_last_block + 1);
  v_count integer;
begin
  perform worker.bring_back_moments(
    'needed_worker_account',
    array['configured_at', 'purged_at', 'emptied_at'],
    v_first, v_end, v_lanes, p_limit
  );
  with deleted as (
    delete from worker.needed_worker_account
    where ctid = any(array(
      select n.ctid
      from worker.needed_worker_account as n
      where n.ctid >= v_first
        and n.ctid < v_end
        and (n.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
        and case
          when (n.key_hash & v_settings.realm_mask) = v_settings.realm then
            n.purged_at < worker.now() - worker.collector_slack(v_settings)
            and (
              select a.creditor_id
              from worker.worker_account as a
              where a.creditor_id = n.creditor_id and a.debtor_id = n.debtor_id
            ) is null
          else worker.is_parent_row(n.key_hash, v_settings)
        end
      limit p_limit
      for update of n skip locked
    ))
    returning creditor_id, debtor_id, worker.in_realm(key_hash) as is_own
  ),
  forgotten as (
    -- No attempt of the collector is left that could ask for it, and nothing else would ever delete it.
    delete from worker.interest_rate_change as i
    using deleted as d
    where d.is_own and i.creditor_id = d.creditor_id and i.debtor_id = d.debtor_id
  )
  select count(*) into v_count from deleted;
  return v_count;
end
$$;

comment on function worker.scan_needed_worker_accounts is
  'Releases collector accounts that vanished so long ago that no payment to or from them can be under way, with their '
  'interest rate history; deletes rows of the parent shard. Returns how many. Called by pipelines.scan.';
