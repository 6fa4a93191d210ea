create or replace function worker.apply_account_purge(p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_creditor_ids bigint[];
  v_debtor_ids bigint[];
begin
  with purge as (
    select
      m.creditor_id,
      m.debtor_id,
      m.creation_date
    from unnest(p_messages) as u(message)
    cross join lateral jsonb_to_record(u.message) as m(creditor_id bigint, debtor_id bigint, creation_date date)
  ),
  doomed as materialized (
    -- A later life of the account is not meant.
    select
      a.creditor_id,
      a.debtor_id
    from worker.worker_account as a
    inner join purge as p using (creditor_id, debtor_id)
    where a.creation_date <= p.creation_date
    order by a.creditor_id, a.debtor_id
    for update of a
  ),
  deleted as (
    delete from worker.worker_account as a
    using doomed as d
    where a.creditor_id = d.creditor_id and a.debtor_id = d.debtor_id
    returning a.creditor_id, a.debtor_id
  )
  select
    array_agg(d.creditor_id order by d.creditor_id, d.debtor_id),
    array_agg(d.debtor_id order by d.creditor_id, d.debtor_id)
  into v_creditor_ids, v_debtor_ids
  from deleted as d;
  perform worker.replace_collectors(v_creditor_ids, v_debtor_ids, true);

  delete from worker.unknown_account as k
  using unnest(p_messages) as u(message)
  cross join lateral jsonb_to_record(u.message) as p(creditor_id bigint, debtor_id bigint, creation_date date)
  where k.creditor_id = p.creditor_id and k.debtor_id = p.debtor_id and k.creation_date <= p.creation_date;
end
$$;

comment on function worker.apply_account_purge is
  'Forgets collector accounts that accounting authorities have purged, and replaces those still needed. Called '
  'by apply_messages.';
