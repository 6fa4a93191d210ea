create or replace function solver.debtor_collectors(p_debtor_id bigint, p_collector_id bigint default null)
  returns table (
    collector_id bigint,
    status smallint,
    account_id text,
    latest_status_change_at timestamptz
  )
  language sql
  security definer
  stable
begin atomic
  select
    c.collector_id,
    c.status,
    c.account_id,
    c.latest_status_change_at
  from solver.collector_account as c
  where
    c.debtor_id = p_debtor_id
    and (p_collector_id is null or c.collector_id = p_collector_id)
  -- As unsigned numbers, which is what people see.
  order by c.collector_id < 0, c.collector_id;
end;

comment on function solver.debtor_collectors is
  'The collector accounts of a currency by unsigned ID, or only the one with this ID. Called by the admin API.';
