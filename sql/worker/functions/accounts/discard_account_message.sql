create or replace function worker.discard_account_message(
  p_creditor_id bigint,
  p_debtor_id bigint,
  p_ts timestamptz,
  p_accepted_loss bigint
)
  returns jsonb
  language sql
  stable
  parallel safe
begin atomic
  select worker.configure_account_message(p_creditor_id, p_debtor_id, p_ts) || jsonb_build_object(
    'negligible_amount', p_accepted_loss::float8,
    'config_flags', 1
  );
end;

comment on function worker.discard_account_message is
  'A ConfigureAccount message that schedules an account for deletion. The authority itself refuses as long as more '
  'than p_accepted_loss tokens (2, unless an operator said otherwise) are on it. p_ts: see next_config_ts. Called '
  'where accounts are given up.';
