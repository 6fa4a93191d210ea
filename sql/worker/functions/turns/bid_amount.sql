create or replace function worker.bid_amount(p_policy worker.trading_policy)
  returns bigint
  language sql
  immutable
  parallel safe
begin atomic
  select case
    when (p_policy.config_flags & 1) <> 0
      or p_policy.account_id = ''
      or p_policy.account_id_is_obsolete
      or p_policy.policy_name is null
      or p_policy.max_principal < p_policy.min_principal
    then 0
    when p_policy.principal < p_policy.min_principal
    then worker.clamp64(p_policy.min_principal::numeric - p_policy.principal)
    when p_policy.principal > p_policy.max_principal
    then worker.clamp64(p_policy.max_principal::numeric - p_policy.principal)
    else 0
  end;
end;

comment on function worker.bid_amount is
  'Tokens that the owner of an account wants to buy (> 0) or to sell (< 0). 0: no wish, or the account is of no '
  'use. Called by worker.priced_bids.';
