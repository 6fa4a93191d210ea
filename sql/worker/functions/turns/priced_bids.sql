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
  set enable_seqscan = off
as $$
begin
  return query
    with recursive bid as (
      -- Every trader has a bid for the base currency, if need be one for nothing.
      select
        r.creditor_id,
        p_base_debtor_id as debtor_id,
        1::float8 as price,
        coalesce(worker.bid_amount(t), 0) as amount,
        t.creation_date,
        t.last_transfer_number
      from worker.lane_traders(p_lane) as r (creditor_id)
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
        -- Not merged into the join, and no `=` for the columns: only the index on pegs can serve this.
        cross join lateral (
          select p.*
          from worker.trading_policy as p
          where hashint8extended(p.peg_debtor_id, p.creditor_id) = hashint8extended(b.debtor_id, b.creditor_id)
            and p.peg_debtor_id is not null
            and p.creditor_id is not distinct from b.creditor_id
            and p.peg_debtor_id is not distinct from b.debtor_id
          offset 0
        ) as t
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
