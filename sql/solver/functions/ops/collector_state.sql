create or replace function solver.collector_state(p_debtor_id bigint, p_collector_id bigint)
  returns table (
    status smallint,
    account_id text,
    account_id_ts timestamptz,
    latest_status_change_at timestamptz,
    removal text,
    is_blocked boolean,
    other_active bigint,
    other_remaining bigint,
    heir_id bigint
  )
  language sql
  security definer
  stable
begin atomic
  select
    c.status,
    c.account_id,
    c.account_id_ts,
    c.latest_status_change_at,
    c.removal,
    exists (select from solver.blocked_currency as b where b.debtor_id = p_debtor_id),
    o.active,
    o.remaining,
    o.heir_id
  from (
    select
      count(*) filter (where a.status = solver.active()) as active,
      count(*) filter (where a.status <> solver.disabled()) as remaining,
      min(a.collector_id) filter (where a.status = solver.active()) as heir_id
    from solver.collector_account as a
    where a.debtor_id = p_debtor_id and a.collector_id <> p_collector_id
  ) as o
  left join solver.collector_account as c on c.debtor_id = p_debtor_id and c.collector_id = p_collector_id;
end;

comment on function solver.collector_state is
  'A collector account as the catalogue has it (status: null if it has not), in one row; of its currency whether it is '
  'blocked, how many others are active, or not disabled (remaining), and which of them would get its money (heir). '
  'Called by the dashboard.';
