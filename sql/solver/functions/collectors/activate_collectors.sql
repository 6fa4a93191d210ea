create or replace function solver.activate_collectors(
  p_debtor_ids bigint[],
  p_collector_ids bigint[],
  p_account_ids text[],
  p_tss timestamptz[]
)
  returns integer
  language sql
begin atomic
  with activation as (
    -- Of several messages about one account the newest counts.
    select distinct on (m.debtor_id, m.collector_id)
      m.debtor_id,
      m.collector_id,
      m.account_id,
      least(m.ts, solver.now()) as ts
    from unnest(p_debtor_ids, p_collector_ids, p_account_ids, p_tss) with ordinality as m(
      debtor_id, collector_id, account_id, ts, n
    )
    order by m.debtor_id asc, m.collector_id asc, m.ts desc, m.n asc
  ),
  locked as materialized (
    select
      a.*,
      c.status
    from solver.collector_account as c
    inner join activation as a using (debtor_id, collector_id)
    where
      c.status in (solver.pristine(), solver.requested())
      -- The account was created anew and has another ID now. A delayed message must not bring back the old one.
      or (
        c.status = solver.active()
        and c.account_id <> a.account_id
        and solver.is_before(coalesce(c.account_id_ts, c.latest_status_change_at), a.ts)
      )
    order by c.debtor_id, c.collector_id
    for update of c
  ),
  activated as (
    update solver.collector_account as c set
      account_id = l.account_id,
      account_id_ts = l.ts,
      status = solver.active(),
      latest_status_change_at = case
        when l.status = solver.active() then c.latest_status_change_at
        else solver.now()
      end
    from locked as l
    where c.debtor_id = l.debtor_id and c.collector_id = l.collector_id
    returning 1
  )
  select count(*)::integer from activated;
end;

comment on function solver.activate_collectors is
  'Makes collectors active whose accounts exist, or corrects the account IDs of active ones. Disabled ones stay '
  'so. The arrays are aligned. Returns how many rows changed. Called by apply_worker_requests.';
