create or replace function solver.ensure_collectors(
  p_debtor_id bigint,
  p_count bigint,
  p_min_collector_id bigint,
  p_max_collector_id bigint,
  p_done_by text default session_user
)
  returns bigint
  language plpgsql
  security definer
as $$
declare
  v_missing bigint;
begin
  if p_debtor_id = 0 or p_count < 1 then
    raise exception using errcode = 'ST081', message = 'no collector accounts can be created for this request',
      detail = format('debtor %s, number of accounts %s', p_debtor_id, p_count),
      hint = 'debtor 0 is reserved; the number of accounts has to be positive';
  end if;
  if p_min_collector_id > p_max_collector_id or sign(p_min_collector_id) * sign(p_max_collector_id) <> 1 then
    raise exception using errcode = 'ST082', message = 'invalid range of collector IDs',
      detail = format('from %s to %s', p_min_collector_id, p_max_collector_id),
      hint = 'MIN_COLLECTOR_ID may not exceed MAX_COLLECTOR_ID; both need the same sign and may not be zero';
  end if;
  v_missing := solver.count_missing_collectors(p_debtor_id, p_count, p_min_collector_id, p_max_collector_id);
  if v_missing is null then
    raise exception using errcode = 'ST083', message = 'too few free collector IDs',
      detail = format('debtor %s, number of accounts %s', p_debtor_id, p_count),
      hint = 'ask for fewer accounts, or widen the range from MIN_COLLECTOR_ID to MAX_COLLECTOR_ID';
  end if;
  perform solver.create_collectors(p_debtor_id, v_missing, p_min_collector_id, p_max_collector_id);
  if v_missing > 0 then
    perform solver.note_action(
      p_done_by, 'added collectors', jsonb_build_object('debtor_id', p_debtor_id, 'collectors', v_missing)
    );
  end if;
  return v_missing;
end
$$;

comment on function solver.ensure_collectors is
  'Makes sure that a currency has at least p_count collector accounts that are not disabled, and returns how '
  'many were created. Fails with ST081, ST082 or ST083 and creates nothing. Called by the admin API and by '
  'operators.';
