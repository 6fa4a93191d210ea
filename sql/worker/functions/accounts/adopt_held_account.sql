create or replace function worker.adopt_held_account(
  p_debtor_id bigint,
  p_collector_id bigint,
  p_decided_by text default session_user
)
  returns void
  language plpgsql
  security definer
as $$
begin
  perform worker.lock_held_account(p_debtor_id, p_collector_id);
  perform worker.configure_collectors(array[p_debtor_id], array[p_collector_id]);
  delete from worker.unknown_account as k where k.creditor_id = p_collector_id and k.debtor_id = p_debtor_id;
  perform worker.note_action(
    p_decided_by, 'adopted an account', jsonb_build_object('debtor_id', p_debtor_id, 'collector_id', p_collector_id)
  );
end
$$;

comment on function worker.adopt_held_account is
  'Makes an account that was held, or is listed, a collector of this shard; the poll puts it into the solver''s '
  'catalogue. Fails with ST085 or ST086. Called by operators.';
