create or replace function solver.remove_collector(
  p_debtor_id bigint,
  p_collector_id bigint,
  p_done_by text default session_user
)
  returns table (is_newly_disabled boolean, is_newly_blocked boolean)
  language plpgsql
as $$
declare
  v_status smallint;
begin
  select c.status into v_status
  from solver.collector_account as c
  where c.debtor_id = p_debtor_id and c.collector_id = p_collector_id
  for update;
  if not found then
    raise exception using errcode = 'ST084', message = 'there is no such collector',
      detail = format('debtor %s, collector %s', p_debtor_id, p_collector_id),
      hint = 'collectors list shows all of them';
  end if;
  perform solver.disable_collectors(array[p_debtor_id], array[p_collector_id]);
  if v_status <> solver.disabled() then
    perform solver.note_action(
      p_done_by,
      'removed a collector',
      jsonb_build_object('debtor_id', p_debtor_id, 'collector_id', p_collector_id)
    );
  end if;

  -- One at a time, so that of two who remove the last two collectors the second one sees it.
  perform pg_advisory_xact_lock(7310, solver.hash32(p_debtor_id));
  return query select
    v_status <> solver.disabled(),
    not exists (select from solver.collector_account as c where c.debtor_id = p_debtor_id and c.status <> solver.disabled())
    and solver.block_currency(p_debtor_id, p_done_by);
end
$$;

comment on function solver.remove_collector is
  'Disables a collector, so that it gets removed when the slack periods are over. When it was the last one of its '
  'currency that was not disabled, the currency is blocked too: nobody wants these collectors back. Fails with '
  'ST084. Safe to repeat. Called by operators.';
