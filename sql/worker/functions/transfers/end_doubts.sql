create or replace function worker.end_doubts(p_decided_by text)
  returns integer
  language plpgsql
  security definer
as $$
declare
  v_count integer;
begin
  update worker.transfer_attempt set held_at = null, held_until = null where held_at is not null;
  get diagnostics v_count = row_count;
  update worker.step_back
  set ended_at = worker.now(), last_turn_id = coalesce(last_turn_id, 0)
  where ended_at is null;
  if found then
    delete from worker.account_at_step_back where concluded_at is null;
    insert into worker.transfer_decision (decided_at, decided_by, decision)
    values (worker.now(), p_decided_by, 'nothing was lost');
    perform worker.note_action(
      p_decided_by, 'went on as if nothing was lost', jsonb_build_object('payments', v_count)
    );
  end if;
  return v_count;
end
$$;

comment on function worker.end_doubts is
  'An operator is sure that this database has lost nothing: all payments in doubt go on as if nothing had happened. '
  'Returns how many. Called by operators after a planned change of servers.';
