-- Brings any number into the range of amounts; the smallest 64-bit integer is never an amount.
create or replace function shared.clamp64(p_value numeric)
  returns bigint
  language sql
  immutable
  parallel safe
begin atomic
  select case
    when p_value > 9223372036854775807 then 9223372036854775807
    when p_value < -9223372036854775807 then -9223372036854775807
    else p_value::bigint
  end;
end;

comment on function shared.clamp64 is
  'Contains overflow: the amount nearest to p_value within -(2^63-1) .. 2^63-1 tokens. p_value has to be whole; '
  'NaN counts as the maximum.';
