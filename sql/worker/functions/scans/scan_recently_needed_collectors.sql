create or replace function worker.scan_recently_needed_collectors(
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
  perform worker.bring_back_moments('recently_needed_collector', array['needed_at'], v_first, v_end, v_lanes, p_limit);
  delete from worker.recently_needed_collector
  where ctid = any(array(
    select r.ctid
    from worker.recently_needed_collector as r
    where r.ctid >= v_first
      and r.ctid < v_end
      and (r.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and case
        when (r.key_hash & v_settings.realm_mask) = v_settings.realm then
          r.needed_at < worker.now() - v_settings.locator_claim_expiry
        else worker.is_parent_row(r.key_hash, v_settings)
      end
    limit p_limit
    for update of r skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function worker.scan_recently_needed_collectors is
  'Deletes old marks of currencies for which a collector was requested, so that it can be requested again, and rows '
  'of the parent shard. Returns how many. Called by pipelines.turns.scan.';
