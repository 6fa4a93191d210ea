create or replace function worker.scan_worker_receivings(p_first_block bigint, p_last_block bigint, p_limit integer)
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
  delete from worker.worker_receiving
  where ctid = any(array(
    select w.ctid
    from worker.worker_receiving as w
    where w.ctid >= v_first
      and w.ctid < v_end
      and (w.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and case
        when (w.key_hash & v_settings.realm_mask) = v_settings.realm then
          w.purge_after < worker.now()
          and w.received_amount = 0
          and worker.may_have_come(w.turn_id, w.to_collector_id, w.debtor_id) is not true
        else worker.is_parent_row(w.key_hash, v_settings)
      end
    limit p_limit
    for update of w skip locked
  ));
  get diagnostics v_count = row_count;

  -- The shard of whoever should have paid long ago may have lost the result of the turn: then it says so.
  perform worker.send_internal(
    'TriggerTransfer',
    array_agg(worker.hash32(q.from_collector_id) order by q.to_collector_id, q.turn_id, q.debtor_id, q.from_collector_id),
    array_agg(
      jsonb_build_object(
        'type', 'TriggerTransfer',
        'collector_id', q.from_collector_id,
        'turn_id', q.turn_id,
        'debtor_id', q.debtor_id,
        'creditor_id', q.to_collector_id,
        'is_dispatching', false,
        'ts', worker.now()
      )
      order by q.to_collector_id, q.turn_id, q.debtor_id, q.from_collector_id
    )
  )
  from worker.worker_receiving as q
  where q.ctid >= v_first
    and q.ctid < v_end
    and (q.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
    and (q.key_hash & v_settings.realm_mask) = v_settings.realm
    and q.received_amount = 0
    and q.purge_after >= worker.now()
    and worker.may_have_come(q.turn_id, q.to_collector_id, q.debtor_id) is not true
    and exists (
      select
      from worker.worker_turn as t
      where t.turn_id = q.turn_id and t.collection_deadline < worker.now() - interval '1 day'
    );
  return v_count;
end
$$;

comment on function worker.scan_worker_receivings is
  'Gives up payments of other collectors that never came: the amounts count as missing, and rows of the parent '
  'shard. Asks for payments that are overdue by a day (see worker.deny_payments). Neither of those that may have come '
  'in the time which this database lost: an operator decides about them. '
  'Returns how many were given up. Called by pipelines.turns.scan.';
