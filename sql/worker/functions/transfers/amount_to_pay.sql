-- In PL/pgSQL, because the value is used twice: as SQL it could not be inlined, and would take ten times as long.
create or replace function worker.amount_to_pay(
  p_nominal_amount float8,
  p_interest_rate float8,
  p_seconds float8,
  p_amount_cut float8
)
  returns bigint
  language plpgsql
  immutable
  parallel safe
as $$
declare
  v_amount float8 := floor(p_nominal_amount * worker.demurrage(p_interest_rate, p_seconds) * (1 - p_amount_cut));
begin
  -- Comparing with 2^63: the largest amount itself has no exact double.
  return case when v_amount >= 9223372036854775808::float8 then 9223372036854775807 else v_amount::bigint end;
end
$$;

comment on function worker.amount_to_pay is
  'Tokens that are surely there to pay: p_nominal_amount less demurrage at p_interest_rate (percent per year) for '
  'p_seconds, less the share p_amount_cut, rounded down. Called by worker.trigger_transfers.';
