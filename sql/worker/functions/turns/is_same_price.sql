create or replace function worker.is_same_price(p_first float8, p_second float8)
  returns boolean
  language sql
  immutable
  parallel safe
begin atomic
  select case
    when abs(p_first) >= 2.2250738585072014e-308
      and abs(p_second) >= 2.2250738585072014e-308
      and abs(p_first) < 'infinity'
      and abs(p_second) < 'infinity'
      -- Far apart, so that the quotient may leave the range of doubles.
      and abs(p_first) / 2 <= abs(p_second)
      and abs(p_second) / 2 <= abs(p_first)
    then abs(1 - p_first / p_second) < 1e-5
    else false
  end;
end;

comment on function worker.is_same_price is
  'Do two prices agree but for a relative 1e-5? False for zero, subnormal, infinite and NaN prices. Called by '
  'worker.offer_candidates.';
