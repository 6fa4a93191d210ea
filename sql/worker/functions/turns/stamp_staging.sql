create or replace function worker.stamp_staging(p_turn_id integer, p_phase integer, p_row_count bigint)
  returns void
  language plpgsql
  security definer -- only the owner may analyze
as $$
begin
  insert into worker.staging_stamp (turn_id, phase, row_count) values (p_turn_id, p_phase, p_row_count);
  -- The lanes follow at once, long before the next automatic run.
  if p_phase = 2 then
    analyze worker.staged_price, worker.staged_alive_collector, worker.active_collector;
  else
    analyze worker.staged_participation, worker.staged_collector_payment;
  end if;
end
$$;

comment on function worker.stamp_staging is
  'Says that all solver rows of a turn''s phase are loaded. Called by the exchange, in the transaction that loads '
  'them.';
