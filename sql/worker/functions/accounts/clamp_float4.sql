create or replace function worker.clamp_float4(p_value float8)
  returns float4
  language sql
  immutable
  parallel safe
begin atomic
  select case
    when p_value > 3.4e38 then 3.4e38
    when abs(p_value) < 1.2e-38 then 0.0
    else p_value
  end::float4;
end;

comment on function worker.clamp_float4 is
  'The nearest single precision number, where a cast would fail. p_value is at least -100, an interest rate. '
  'Called when account updates are stored.';
