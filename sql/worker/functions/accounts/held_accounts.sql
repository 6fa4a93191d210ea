create or replace function worker.held_accounts()
  returns table (
    debtor_id bigint,
    collector_id bigint,
    status text,
    reason text,
    principal bigint,
    account_id text,
    first_reported_at timestamptz,
    reported_at timestamptz
  )
  language sql
  security definer
  stable
begin atomic
  select
    k.debtor_id,
    k.creditor_id,
    k.status,
    k.reason,
    k.principal,
    k.account_id,
    k.first_reported_at,
    k.reported_at
  from worker.unknown_account as k
  order by k.status <> 'held', k.debtor_id, k.creditor_id;
end;

comment on function worker.held_accounts is
  'Accounts with IDs of collectors that nobody asked for, those that wait for an operator first; principal in tokens. '
  'Called by operators.';
