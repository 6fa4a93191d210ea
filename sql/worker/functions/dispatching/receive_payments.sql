create or replace function worker.receive_payments(p_payments worker.expected_payment[])
  returns void
  language plpgsql
as $$
declare
  v_unmatched worker.expected_payment[] := worker.match_expected_payments(p_payments);
begin
  if v_unmatched is not null then
    perform worker.keep_early_arrivals(v_unmatched);
  end if;
end
$$;

comment on function worker.receive_payments is
  'Notes that payments reached collectors, or never will. Those that are too early are kept, those that are known '
  'already are ignored. '
  'Called by worker.apply_account_transfer and worker.apply_trigger_transfer.';
