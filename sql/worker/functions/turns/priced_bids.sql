create or replace function worker.priced_bids(p_base_debtor_id bigint, p_lane integer)
  returns table (
    creditor_id bigint,
    debtor_id bigint,
    price float8,
    amount bigint,
    creation_date date,
    last_transfer_number bigint
  )
  language plpgsql
  stable
  -- One index probe a bid. A merge join inside the recursion takes minutes for one long chain of pegs, and a hash join
  -- may read all bids again for each of its levels.
  set enable_nestloop = on
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_bitmapscan = off
as $$
declare
  v_lane_mask integer;
  v_realm_mask integer;
  v_realm integer;
begin
  select lane_count - 1, realm_mask, realm into v_lane_mask, v_realm_mask, v_realm from worker.configuration;
  return query
    with recursive trader as (
      select distinct t.creditor_id
      from worker.trading_policy as t
      where (t.key_hash & v_lane_mask) = p_lane
        and (t.key_hash & v_realm_mask) = v_realm
        and t.debtor_id <> 0
    ),
    bid as (
      -- Every trader has a bid for the base currency, if need be one for nothing.
      select
        r.creditor_id,
        p_base_debtor_id as debtor_id,
        1::float8 as price,
        coalesce(worker.bid_amount(t), 0) as amount,
        t.creation_date,
        t.last_transfer_number
      from trader as r
        left join worker.trading_policy as t on (t.creditor_id = r.creditor_id and t.debtor_id = p_base_debtor_id)
      union all
      select
        t.creditor_id,
        t.debtor_id,
        product.price,
        worker.bid_amount(t),
        t.creation_date,
        t.last_transfer_number
      from bid as b
        inner join worker.trading_policy as t on (t.creditor_id = b.creditor_id and t.peg_debtor_id = b.debtor_id)
        cross join lateral (select worker.usable_price(b.price, t.peg_exchange_rate) as price) as product
      -- The base bid's own peg is ignored; without it no peg leads back.
      where t.debtor_id not in (0, p_base_debtor_id)
        and product.price is not null
    )
    select b.creditor_id, b.debtor_id, b.price, b.amount, b.creation_date, b.last_transfer_number from bid as b;
end
$$;

comment on function worker.priced_bids is
  'The bids of a lane''s traders whose approved pegs lead to the base currency, with the prices that the trader '
  'approves (base tokens per token). Called by worker.offer_candidates, which holds the lane.';
