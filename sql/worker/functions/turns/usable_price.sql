create or replace function worker.usable_price(p_price float8, p_rate float8)
  returns float8
  language sql
  immutable
  parallel safe
begin atomic
  -- The product may leave the range of doubles, which is an error in SQL, so the factors are looked at first. NaN sorts
  -- above infinity. The margin below the maximum covers the rounding of the quotient.
  select case
    when p_price >= 2.2250738585072014e-308 and p_price < 'infinity' and p_rate > 0 and p_rate < 'infinity' then
      case
        when p_price > 1 and p_rate > 1 and p_rate > 1.797693134862315e308 / p_price then null
        when p_price < 1 and p_rate < 1 and p_rate < 2.2250738585072014e-308 / p_price then null
        when p_price * p_rate >= 2.2250738585072014e-308 then p_price * p_rate
      end
  end;
end;

comment on function worker.usable_price is
  'Price of a currency that is pegged at p_rate to one of p_price, base tokens per token. Null: not usable, because '
  'a price has to be a finite, positive and normal double. Called wherever pegs are followed.';
