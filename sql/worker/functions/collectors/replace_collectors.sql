create or replace function worker.replace_collectors(
  p_creditor_ids bigint[],
  p_debtor_ids bigint[],
  p_is_purged boolean
)
  returns void
  language plpgsql
as $$
declare
  v_lost text;
  v_requests jsonb[];
begin
  with lost as (
    update worker.needed_worker_account as n set purged_at = worker.now(), is_purged = p_is_purged
    from unnest(p_creditor_ids, p_debtor_ids) as p(creditor_id, debtor_id)
    where n.creditor_id = p.creditor_id and n.debtor_id = p.debtor_id
    returning n.creditor_id, n.debtor_id, n.released_at
  )
  select
    string_agg(format('%s/%s', l.creditor_id, l.debtor_id), ', '),
    array_agg(
      jsonb_build_object(
        'type', 'DisableCollector',
        'debtor_id', l.debtor_id,
        'creditor_id', l.creditor_id,
        'is_replaced', true,
        'ts', worker.now()
      )
      order by l.debtor_id, l.creditor_id
    )
  into v_lost, v_requests
  from lost as l
  where l.released_at is null;
  perform worker.request_solver(v_requests);
  if v_lost is not null then
    raise warning 'needed collector accounts vanished (creditor/debtor): %', left(v_lost, 1000);
  end if;
end
$$;

comment on function worker.replace_collectors is
  'Has collectors disabled and replaced whose accounts vanished while they were needed. The accounts stay '
  'needed until the collectors are removed, so that late payments which bring them back are not lost. p_is_purged: the '
  'authority said so. Called by apply_account_purge and by the scan that deletes dead accounts.';
