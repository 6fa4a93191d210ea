create or replace function worker.settle_unexplained(
  p_debtor_id bigint,
  p_collector_id bigint,
  p_decided_by text default session_user
)
  returns bigint
  language plpgsql
as $$
declare
  v_tokens numeric;
begin
  select sum(u.unexplained) into v_tokens
  from worker.unexplained_balances() as u
  where u.debtor_id = p_debtor_id and u.collector_id = p_collector_id and u.settled_at is null;
  if v_tokens is null then
    return 0;
  end if;
  update worker.account_at_step_back as b
  set settled_at = worker.now(), settled_by = p_decided_by
  where b.debtor_id = p_debtor_id
    and b.creditor_id = p_collector_id
    and b.concluded_at is not null
    and b.settled_at is null;
  perform worker.note_action(
    p_decided_by,
    'settled unexplained tokens',
    jsonb_build_object('debtor_id', p_debtor_id, 'collector_id', p_collector_id, 'tokens', worker.clamp64(v_tokens))
  );
  return worker.clamp64(v_tokens);
end
$$;

comment on function worker.settle_unexplained is
  'Takes the unexplained tokens of a collector account off the list of open ones: they were passed on or settled '
  'otherwise. Nothing is paid. Returns how many tokens; 0: there are none here. Called by operators.';
