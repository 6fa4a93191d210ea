create or replace function worker.apply_rejected_config(p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_rejected text;
  v_requests jsonb[];
begin
  select string_agg(
    format('%s/%s: %s', u.message -> 'creditor_id', u.message -> 'debtor_id', u.message ->> 'rejection_code'), ', '
  ) into v_rejected
  from unnest(p_messages) as u(message);
  if v_rejected is not null then
    raise warning 'account configurations were rejected (creditor/debtor: code): %', left(v_rejected, 1000);
  end if;

  with rejected as (
    select
      m.creditor_id,
      m.debtor_id,
      m.config_ts
    from unnest(p_messages) as u(message)
    cross join lateral jsonb_to_record(u.message) as m(creditor_id bigint, debtor_id bigint, config_ts timestamptz)
  ),
  needed as materialized (
    select
      n.creditor_id,
      n.debtor_id,
      r.config_ts
    from worker.needed_worker_account as n
    inner join rejected as r using (creditor_id, debtor_id)
    where r.config_ts > coalesce(n.rejected_config_ts, '-infinity')
    order by n.creditor_id, n.debtor_id
    for update of n
  ),
  counted as (
    update worker.needed_worker_account as n set rejections = n.rejections + 1, rejected_config_ts = m.config_ts
    from needed as m
    where n.creditor_id = m.creditor_id and n.debtor_id = m.debtor_id
    returning n.creditor_id, n.debtor_id, n.rejections
  )
  -- The same authority would reject another account as well, so nothing takes the collector's place.
  select array_agg(
    jsonb_build_object(
      'type', 'DisableCollector',
      'debtor_id', c.debtor_id,
      'creditor_id', c.creditor_id,
      'is_replaced', false,
      'ts', worker.now()
    )
    order by c.debtor_id, c.creditor_id
  )
  into v_requests
  from counted as c
  where
    c.rejections >= 3
    and not exists (
      select from worker.worker_account as a
      where a.creditor_id = c.creditor_id and a.debtor_id = c.debtor_id
    );
  perform worker.request_solver(v_requests);
end
$$;

comment on function worker.apply_rejected_config is
  'Counts rejected ConfigureAccount messages. After three in a row without an account the collector is '
  'disabled. Called by apply_messages.';
