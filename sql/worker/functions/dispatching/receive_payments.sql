create or replace function worker.receive_payments(p_payments worker.expected_payment[])
  returns void
  language plpgsql
as $$
begin
  if worker.match_expected_payments(p_payments) < cardinality(p_payments) then
    perform worker.keep_early_arrivals(p_payments);
  end if;
end
$$;

comment on function worker.receive_payments is
  'Notes that payments reached collectors, or never will. Those that are too early are kept, those that are known '
  'already are ignored. '
  'Called by worker.apply_account_transfer and worker.apply_trigger_transfer.';
