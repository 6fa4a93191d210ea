create or replace function worker.movable_amount(
  p_account worker.worker_account,
  p_configuration worker.configuration
)
  returns bigint
  language sql
  stable
begin atomic
  select case
    -- A payment takes its time, and demurrage goes on meanwhile.
    when worker.amount_to_pay(
      b.balance,
      i.interest_rate,
      s.seconds + 600 + worker.transfer_backoff_seconds(p_configuration.healthy_max_commit_delay, 0),
      0
    ) = 0 then 0
    when i.interest_rate < 0 then worker.amount_to_pay(b.balance, i.interest_rate, s.seconds, 0)
    else b.balance
  end
  from (
    select greatest(worker.clamp64(p_account.principal + floor(p_account.interest)::numeric), 0) as balance
  ) as b
  cross join (
    select greatest(extract(epoch from worker.now() - p_account.last_change_ts), 0)::float8 as seconds
  ) as s
  cross join worker.lowest_interest_rate(
    p_account.creditor_id, p_account.debtor_id, p_account.last_change_ts
  ) as i;
end;

comment on function worker.movable_amount is
  'Tokens that are surely on a collector account now, interest included; 0 also if so few that demurrage eats them '
  'before a payment is made. Called by remove_collectors.';
