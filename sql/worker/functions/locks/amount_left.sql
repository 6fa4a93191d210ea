-- The share goes through text, because a cast from float8 to numeric keeps 15 digits only.
create or replace function worker.amount_left(p_locked_amount bigint, p_share float8)
  returns bigint
  language sql
  immutable
  parallel safe
begin atomic
  select floor(p_locked_amount * p_share::text::numeric)::bigint;
end;

comment on function worker.amount_left is
  'Whole tokens of a locked amount that are left when demurrage leaves the share p_share (0 .. 1). Called when '
  'locks are prepared.';
