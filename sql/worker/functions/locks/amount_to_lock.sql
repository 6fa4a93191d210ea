-- The share goes through text, because a cast from float8 to numeric keeps 15 digits only.
create or replace function worker.amount_to_lock(p_amount bigint, p_share float8)
  returns bigint
  language sql
  immutable
  parallel safe
begin atomic
  select case
    when p_share = 0 then 9223372036854775807
    else worker.clamp64(ceil(p_amount / p_share::text::numeric))
  end;
end;

comment on function worker.amount_to_lock is
  'The smallest number of tokens that is at least p_amount tokens after demurrage left the share p_share of it. '
  'Called when locks are created.';
