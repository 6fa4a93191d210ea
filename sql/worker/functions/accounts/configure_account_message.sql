create or replace function worker.configure_account_message(
  p_creditor_id bigint,
  p_debtor_id bigint,
  p_ts timestamptz
)
  returns jsonb
  language sql
  stable
  parallel safe
begin atomic
  select jsonb_build_object(
    'type', 'ConfigureAccount',
    'creditor_id', p_creditor_id,
    'debtor_id', p_debtor_id,
    'ts', p_ts,
    'seqnum', 0,
    -- No notices of ordinary small transfers; those of agents always come.
    'negligible_amount', 1e30,
    'config_data', '',
    'config_flags', 0
  );
end;

comment on function worker.configure_account_message is
  'A ConfigureAccount message that creates a collector account, or keeps it. p_ts: see next_config_ts. Called where '
  'accounts are configured.';
