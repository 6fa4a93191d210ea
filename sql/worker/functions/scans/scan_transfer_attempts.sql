create or replace function worker.scan_transfer_attempts(p_first_block bigint, p_last_block bigint, p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_settings worker.configuration := (select c from worker.configuration as c);
  v_lanes integer[] := worker.try_lock_lanes();
  v_first tid := worker.first_row_id(p_first_block);
  v_end tid := worker.first_row_id(p_last_block + 1);
  v_request_ids bigint[];
  v_count integer;
begin
  perform worker.bring_back_moments(
    'transfer_attempt', array['attempted_at', 'inserted_at'], v_first, v_end, v_lanes, p_limit
  );
  -- No pause is longer than that: the clock ran ahead when it began.
  update worker.transfer_attempt as a set rescheduled_for = worker.now()
  where a.ctid = any(array(
    select p.ctid
    from worker.transfer_attempt as p
    where p.ctid >= v_first
      and p.ctid < v_end
      and (p.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and p.rescheduled_for > worker.latest_credible_moment() + make_interval(
        secs => worker.transfer_backoff_seconds(v_settings.healthy_max_commit_delay, p.backoff_counter)
      )
    limit p_limit
    for update of p skip locked
  ));
  delete from worker.transfer_attempt
  where ctid = any(array(
    select a.ctid
    from worker.transfer_attempt as a
    where a.ctid >= v_first
      and a.ctid < v_end
      and (a.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and case
        when (a.key_hash & v_settings.realm_mask) = v_settings.realm then
          not a.is_refund
          and a.collection_started_at
            < worker.now()
              - v_settings.turn_max_commit_period
              - greatest(v_settings.sending_slack, v_settings.dispatching_slack)
        else worker.is_parent_row(a.key_hash, v_settings)
      end
    limit p_limit
    for update of a skip locked
  ));
  get diagnostics v_count = row_count;

  select array_agg(u.coordinator_request_id) into v_request_ids
  from (
    select a.coordinator_request_id
    from worker.transfer_attempt as a
    where a.ctid >= v_first
      and a.ctid < v_end
      and (a.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and (a.key_hash & v_settings.realm_mask) = v_settings.realm
      and worker.is_unanswered(a, v_settings)
    limit p_limit
    for update of a skip locked
  ) as u;
  return v_count + worker.end_unanswered_attempts(v_request_ids);
end
$$;

comment on function worker.scan_transfer_attempts is
  'Gives up payments of turns that are too old, ends tries that nobody answered, so that they are repeated, and '
  'deletes rows of the parent shard. Returns how many. Called by pipelines.turns.scan.';
