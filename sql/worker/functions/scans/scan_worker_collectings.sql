create or replace function worker.scan_worker_collectings(p_first_block bigint, p_last_block bigint, p_limit integer)
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
  delete from worker.worker_collecting
  where ctid = any(array(
    select w.ctid
    from worker.worker_collecting as w
    where w.ctid >= v_first
      and w.ctid < v_end
      and (w.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and case
        when (w.key_hash & v_settings.realm_mask) = v_settings.realm then
          w.purge_after < worker.now()
          and not w.collected
          and worker.may_have_come(w.turn_id, w.collector_id, w.debtor_id) is not true
        else worker.is_parent_row(w.key_hash, v_settings)
      end
    limit p_limit
    for update of w skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function worker.scan_worker_collectings is
  'Gives up payments of sellers that never came: the amounts count as missing, and rows of the parent shard. Not those '
  'that may have come in the time which this database lost: an operator decides about them. '
  'Returns how many. Called by pipelines.turns.scan.';
