create or replace function worker.lane_traders(p_lane integer)
  returns setof bigint
  language sql
  stable
  -- The caller has switched these off; here the whole table is read.
  set enable_seqscan = on
  set enable_bitmapscan = on
begin atomic
  select distinct t.creditor_id
  from worker.trading_policy as t
    inner join worker.configuration as c
      on ((t.key_hash & (c.lane_count - 1)) = p_lane and (t.key_hash & c.realm_mask) = c.realm)
  where t.debtor_id <> 0;
end;

comment on function worker.lane_traders is
  'The creditors of a lane that have a policy for any currency. Called by worker.priced_bids.';
