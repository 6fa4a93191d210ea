create or replace function worker.scan_dispatching_statuses(p_first_block bigint, p_last_block bigint, p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_settings worker.configuration := (select c from worker.configuration as c);
  v_lanes integer[];
  v_first tid := worker.first_row_id(p_first_block);
  v_end tid := worker.first_row_id(p_last_block + 1);
  v_count integer;
begin
  if not v_settings.delete_parent_shard_records then
    return 0;
  end if;
  v_lanes := worker.try_lock_lanes();
  delete from worker.dispatching_status
  where ctid = any(array(
    select s.ctid
    from worker.dispatching_status as s
    where s.ctid >= v_first
      and s.ctid < v_end
      and (s.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and worker.is_parent_row(s.key_hash, v_settings)
    limit p_limit
    for update of s skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function worker.scan_dispatching_statuses is
  'Deletes the state of collectors that went to the sibling shard. Returns how many. '
  'Called by pipelines.turns.scan.';
