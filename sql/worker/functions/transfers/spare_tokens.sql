create or replace function worker.spare_tokens(p_account worker.worker_account)
  returns numeric
  language sql
  stable
begin atomic
  select p_account.principal + floor(p_account.interest)::numeric
    - worker.owed_tokens(p_account.creditor_id, p_account.debtor_id);
end;

comment on function worker.spare_tokens is
  'Tokens on a collector account, as the authority told last, interest included, beyond what the collector owes '
  '(worker.owed_tokens); below 0 while news about the account are on their way. Called by note_accounts, '
  'explain_balances and unexplained_balances.';
