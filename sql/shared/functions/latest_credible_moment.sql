-- A stable function without a `set` clause is inlined, so index conditions can use it.
create or replace function shared.latest_credible_moment()
  returns timestamptz
  language sql
  stable
  parallel safe
begin atomic
  select shared.now() + interval '1 minute';
end;

comment on function shared.latest_credible_moment is
  'Stored moments that lie beyond it come from a clock that ran ahead, and count as absent. Transactions that run at '
  'the same time write moments a little later than the beginning of this one. Called where the age of something '
  'decides.';
