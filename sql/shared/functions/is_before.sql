create or replace function shared.is_before(p_moment timestamptz, p_limit timestamptz)
  returns boolean
  language sql
  stable
  parallel safe
begin atomic
  select p_moment is null or p_moment < p_limit or p_moment > shared.latest_credible_moment();
end;

comment on function shared.is_before is
  'Did something last happen before p_limit? Also if it never did, or is said to have happened in the future. Called '
  'where something is repeated when it is long ago.';
