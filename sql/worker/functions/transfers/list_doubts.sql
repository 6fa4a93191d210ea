create or replace function worker.list_doubts(p_lane integer)
  returns table (
    collector_id bigint,
    debtor_id bigint,
    held_until timestamptz,
    is_answered boolean,
    nothing_moved boolean
  )
  language sql
  stable
begin atomic
  select
    h.collector_id,
    h.debtor_id,
    h.held_until,
    coalesce(a.last_config_ts > h.held_until, false),
    coalesce(a.seen_transfer_number >= a.last_transfer_number, false)
  from (
    select t.collector_id, t.debtor_id, max(t.held_until) as held_until
    from worker.transfer_attempt as t
    cross join worker.configuration as c
    where t.held_at is not null
      and (p_lane is null or (t.key_hash & (c.lane_count - 1)) = p_lane)
      and (t.key_hash & c.realm_mask) = c.realm
    group by t.collector_id, t.debtor_id
  ) as h
  left join worker.worker_account as a
    on a.creditor_id = h.collector_id and a.debtor_id = h.debtor_id;
end;

comment on function worker.list_doubts is
  'Collectors with payments in doubt in a lane (null: all), by account: until when forgotten requests may be under '
  'way; whether the authority has told of the account since then; whether this database knows all of its transfers. '
  'Called by settle_doubts and by operators.';
