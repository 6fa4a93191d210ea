create or replace function solver.is_key_above(p_upper text, p_lower text)
  returns boolean
  language sql
  immutable
  parallel safe
begin atomic
  select length(p_upper) < length(p_lower) and starts_with(p_lower, rtrim(p_upper, '#'));
end;

comment on function solver.is_key_above is
  'Whether a binding key contains another one, and more than that. Called wherever the registry is looked at.';
