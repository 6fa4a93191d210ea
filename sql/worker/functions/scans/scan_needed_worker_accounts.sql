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
    array['configured_at', 'repaired_at', 'purged_at', 'emptied_at', 'released_at'],
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
        and worker.is_parent_row(n.key_hash, v_settings)
      limit p_limit
      for update of n skip locked
    ))
    returning 1
  )
  select count(*) into v_count from deleted;
  return v_count;
end
$$;

comment on function worker.scan_needed_worker_accounts is
  'Deletes needed accounts of the parent shard; those of this shard end with the removal of their collectors. Returns '
  'how many. Called by pipelines.turns.scan.';
