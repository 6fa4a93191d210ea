create or replace function worker.price_currencies(p_turn_id integer)
  returns text
  language plpgsql
  -- One index probe a currency, whatever the shape of the tree.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set enable_bitmapscan = off
as $$
declare
  v_base_locator text;
  v_base_debtor_id bigint;
  v_max_distance smallint;
begin
  select base_debtor_info_locator, base_debtor_id, max_distance_to_base
  into v_base_locator, v_base_debtor_id, v_max_distance
  from worker.worker_turn
  where turn_id = p_turn_id;

  if exists (
    select from worker.staged_currency
    where turn_id = p_turn_id and debtor_info_locator = v_base_locator and debtor_id <> v_base_debtor_id
  ) then
    return 'the locator of the base currency belongs to another debtor';
  end if;

  with recursive priced as (
    select debtor_info_locator, debtor_id, is_confirmed, 1::float8 as price, 0 as distance
    from worker.staged_currency
    where turn_id = p_turn_id and debtor_info_locator = v_base_locator and debtor_id = v_base_debtor_id
    union all
    select c.debtor_info_locator, c.debtor_id, c.is_confirmed, product.price, p.distance + 1
    from priced as p
      -- Not merged into the join, and no `=` for turn_id: only the index on pegs can serve this.
      cross join lateral (
        select s.*
        from worker.staged_currency as s
        where s.peg_debtor_info_locator = p.debtor_info_locator
          and s.peg_debtor_id = p.debtor_id
          and s.turn_id is not distinct from p_turn_id
        offset 0
      ) as c
      cross join lateral (select worker.usable_price(p.price, c.peg_exchange_rate) as price) as product
    where p.distance < v_max_distance
      -- The base's own peg is ignored; without it no peg leads back.
      and c.debtor_info_locator <> v_base_locator
      and c.debtor_id <> 0
      and product.price is not null
  )
  insert into worker.staged_price (turn_id, debtor_id, price)
  select p_turn_id, debtor_id, price from priced where is_confirmed;

  if exists (
    select from worker.staged_currency as c
      inner join worker.staged_price as p using (turn_id, debtor_id)
    where c.turn_id = p_turn_id
      and c.is_confirmed
      and c.debtor_id = v_base_debtor_id
      and c.debtor_info_locator <> v_base_locator
  ) then
    delete from worker.staged_price where turn_id = p_turn_id;
    return 'the debtor of the base currency is confirmed under another locator';
  end if;
  return null;
end
$$;

comment on function worker.price_currencies is
  'Fills staged_price from staged_currency: the tradable currencies, whose pegs lead to the base currency of the '
  'turn. Returns null, or what is wrong with the base currency; then nothing is tradable. Called by the exchange in '
  'step 2/0.';
