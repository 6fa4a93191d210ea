create or replace function worker.scan_account_locks(p_first_block bigint, p_last_block bigint, p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_settings worker.configuration := (select c from worker.configuration as c);
  v_lanes integer[] := worker.try_lock_lanes();
  v_doubtful_turns integer := worker.doubtful_turns();
  v_first tid := worker.first_row_id(p_first_block);
  v_end tid := worker.first_row_id(p_last_block + 1);
  v_unpaid jsonb[];
  v_count integer;
begin
  perform worker.bring_back_moments(
    'account_lock',
    array['initiated_at', 'released_at'],
    v_first, v_end, v_lanes, p_limit
  );
  with deleted as (
    delete from worker.account_lock
    where ctid = any(array(
      select l.ctid
      from worker.account_lock as l
      where l.ctid >= v_first
        and l.ctid < v_end
        and (l.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
        and case
          when (l.key_hash & v_settings.realm_mask) = v_settings.realm then
            l.initiated_at < worker.now() - v_settings.account_lock_max_age
            or l.released_at < worker.now() - v_settings.released_account_lock_max_age
            -- A buyer who was never paid. Every attempt to pay him is gone by now.
            or (
              l.has_been_revised
              and l.amount > 0
              and l.finalized_at is null
              and l.collection_deadline
                < worker.now() - greatest(v_settings.sending_slack, v_settings.dispatching_slack) - interval '30 days'
            )
            -- A seller of whose payment this database has forgotten what came of it. No commit is under way any more.
            or (
              l.amount < 0
              and l.released_at is null
              and l.turn_id <= v_doubtful_turns
              and l.collection_deadline < worker.now() - interval '30 days'
            )
          else worker.is_parent_row(l.key_hash, v_settings)
        end
      limit p_limit
      for update of l skip locked
    ))
    returning *
  )
  select
    count(*),
    array_agg(
      jsonb_build_object(
        'creditor_id', d.creditor_id,
        'debtor_id', d.debtor_id,
        'transfer_id', d.transfer_id,
        'coordinator_id', d.creditor_id,
        'coordinator_request_id', d.coordinator_request_id
      )
      order by d.creditor_id, d.debtor_id
    ) filter (
      where d.transfer_id is not null
        and d.finalized_at is null
        and d.collector_id <> d.creditor_id
        and worker.in_realm(d.key_hash)
    )
  into v_count, v_unpaid
  from deleted as d;
  perform worker.dismiss_transfers(v_unpaid);
  return v_count;
end
$$;

comment on function worker.scan_account_locks is
  'Deletes locks that are very old, that were released long ago, whose buyer can not be paid any more, or of whose '
  'seller a database that stepped back does not know whether he paid, and dismisses their prepared transfers; deletes '
  'rows of the parent shard. Returns how many. '
  'Called by pipelines.turns.scan.';
