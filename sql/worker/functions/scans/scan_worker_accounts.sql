create or replace function worker.scan_worker_accounts(p_first_block bigint, p_last_block bigint, p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_settings worker.configuration := (select c from worker.configuration as c);
  v_lanes integer[] := worker.try_lock_lanes();
  v_first tid := worker.first_row_id(p_first_block);
  v_end tid := worker.first_row_id(p_last_block + 1);
  v_creditor_ids bigint[];
  v_debtor_ids bigint[];
  v_count integer;
begin
  perform worker.bring_back_moments('worker_account', array['last_heartbeat_ts'], v_first, v_end, v_lanes, p_limit);
  with deleted as (
    delete from worker.worker_account
    where ctid = any(array(
      select a.ctid
      from worker.worker_account as a
      where a.ctid >= v_first
        and a.ctid < v_end
        and (a.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
        and case
          when (a.key_hash & v_settings.realm_mask) = v_settings.realm then
            a.last_heartbeat_ts < worker.now() - v_settings.max_heartbeat_delay
          else worker.is_parent_row(a.key_hash, v_settings)
        end
      limit p_limit
      for update of a skip locked
    ))
    returning creditor_id, debtor_id, worker.in_realm(key_hash) as is_own
  )
  select
    count(*),
    array_agg(d.creditor_id order by d.creditor_id, d.debtor_id) filter (where d.is_own),
    array_agg(d.debtor_id order by d.creditor_id, d.debtor_id) filter (where d.is_own)
  into v_count, v_creditor_ids, v_debtor_ids
  from deleted as d;
  -- The sibling's collectors are alive; only the copies of their accounts go.
  perform worker.replace_collectors(v_creditor_ids, v_debtor_ids, false);
  return v_count;
end
$$;

comment on function worker.scan_worker_accounts is
  'Forgets collector accounts of which the accounting authority has said nothing for very long, and replaces those '
  'still needed; deletes rows of the parent shard. Returns how many. Called by pipelines.turns.scan.';
