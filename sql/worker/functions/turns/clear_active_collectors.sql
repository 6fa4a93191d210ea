create or replace function worker.clear_active_collectors()
  returns void
  language plpgsql
as $$
begin
  lock table worker.active_collector in share row exclusive mode;
  delete from worker.active_collector;
end
$$;

comment on function worker.clear_active_collectors is
  'Empties active_collector and keeps other writers away until the end of the transaction, in which the caller '
  'fills it again. Called by the exchange in step 2/0.';
