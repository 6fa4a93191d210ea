create or replace function worker.scan_early_arrivals(p_first_block bigint, p_last_block bigint, p_limit integer)
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
  perform worker.bring_back_moments('early_arrival', array['inserted_at'], v_first, v_end, v_lanes, p_limit);
  delete from worker.early_arrival
  where ctid = any(array(
    select e.ctid
    from worker.early_arrival as e
    where e.ctid >= v_first
      and e.ctid < v_end
      and (e.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and case
        when (e.key_hash & v_settings.realm_mask) = v_settings.realm then
          greatest(e.inserted_at, e.refunded_at)
            < worker.now() - v_settings.turn_max_commit_period - v_settings.sending_slack
          and case
            when e.kind = 'paid' then not exists (
              select
              from worker.early_arrival as p
              where p.kind in ('collecting', 'sending')
                and p.collector_id = e.collector_id
                and p.turn_id = e.turn_id
                and p.debtor_id = e.debtor_id
                and p.amount is not null
                and p.refunded_at is null
            )
            else e.amount is null or e.refunded_at is not null or not worker.is_lost_turn(e.turn_id)
          end
        else worker.is_parent_row(e.key_hash, v_settings)
      end
    limit p_limit
    for update of e skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function worker.scan_early_arrivals is
  'Deletes early payments and notices of turns whose result never came, and rows of the parent shard; payments of '
  'lost turns stay until they are refunded, and so long what the collector '
  'paid. Returns how many. Called by pipelines.turns.scan.';
