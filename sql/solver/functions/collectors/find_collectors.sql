create or replace function solver.find_collectors(p_debtor_id bigint)
  returns table (
    debtor_id bigint,
    is_blocked boolean,
    collector_id bigint,
    status smallint,
    account_id text,
    latest_status_change_at timestamptz,
    removal text
  )
  language sql
  security definer
  stable
begin atomic
  select
    coalesce(c.debtor_id, b.debtor_id),
    b.debtor_id is not null,
    c.collector_id,
    c.status,
    c.account_id,
    c.latest_status_change_at,
    c.removal
  from solver.collector_account as c
  full join solver.blocked_currency as b on c.debtor_id = b.debtor_id
  where p_debtor_id is null or coalesce(c.debtor_id, b.debtor_id) = p_debtor_id
  order by 1, 3;
end;

comment on function solver.find_collectors is
  'Collector accounts of a currency, or of all for null; a blocked currency without any has one row without a '
  'collector. Called by operators.';
