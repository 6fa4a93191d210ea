-- The exponent is kept within 0 .. -700: exp() raises an error for numbers that a double can not hold. So does a
-- division of the smallest ones, which make no difference to 1.
create or replace function worker.demurrage(p_rate float8, p_seconds float8)
  returns float8
  language sql
  immutable
  parallel safe
begin atomic
  select case
    when p_rate < -99.9999 then 0
    when p_rate > -1e-15 then 1
    else exp(greatest(-700, least(0, ln(1 + p_rate / 100) / 31557600 * greatest(0, p_seconds))))
  end;
end;

comment on function worker.demurrage is
  'The share of money that is left (0 .. 1) after p_seconds at p_rate percent per year. Growth counts as none. '
  'Called for locks and for transfer attempts.';
