-- The one place that reads the clock. A stable function without a `set` clause is inlined, so index conditions can use
-- it.
create or replace function shared.now()
  returns timestamptz
  language sql
  stable
  parallel safe
begin atomic
  select transaction_timestamp();
end;

comment on function shared.now is
  'The current moment: start of the transaction. Every function takes the time from here. Test databases get '
  'another body.';
