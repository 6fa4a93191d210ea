create or replace function worker.notice_step_back(p_reason text default null)
  returns boolean
  language plpgsql
as $$
declare
  v_new worker.life;
  v_old worker.life;
  v_reasons text[];
  v_held bigint;
  v_unsent bigint;
begin
  select true, s.system_identifier, worker.timeline_id(), d.oid::bigint, worker.now() into v_new
  from pg_control_system() as s
  join pg_database as d on d.datname = current_database();
  insert into worker.life select v_new.* on conflict do nothing;
  if found then
    return false;
  end if;
  select l.* into v_old from worker.life as l for update;
  v_reasons := array_remove(array[
    case when v_new.system_identifier <> v_old.system_identifier then 'another server has its data' end,
    case when v_new.timeline_id <> v_old.timeline_id then
      format('its timeline is %s and was %s', v_new.timeline_id, v_old.timeline_id)
    end,
    case when v_new.database_id <> v_old.database_id then 'it is a copy' end,
    p_reason
  ], null);
  if v_reasons = '{}' then
    update worker.life set seen_at = worker.now() where seen_at < worker.now() - interval '10 seconds';
    return false;
  end if;

  insert into worker.step_back (noticed_at, last_seen_at, reason)
  values (worker.now(), least(v_old.seen_at, worker.now()), array_to_string(v_reasons, ', '))
  on conflict (noticed_at) do update set ended_at = null, last_turn_id = null;
  update worker.life
  set
    system_identifier = v_new.system_identifier,
    timeline_id = v_new.timeline_id,
    database_id = v_new.database_id,
    seen_at = v_new.seen_at;

  perform worker.note_accounts();
  -- Whatever its state: in the time that was lost each may have been tried again, and paid.
  update worker.transfer_attempt as a
  set held_at = coalesce(a.held_at, worker.now()), held_until = worker.doubt_ends_at(a.backoff_counter);
  get diagnostics v_held = row_count;
  -- They may have left already. Nobody waits for a lock that never comes; attempts are tried again when they may.
  delete from outbox.prepare_transfer;
  get diagnostics v_unsent = row_count;
  perform worker.catch_up_request_ids(interval '1 hour');
  raise warning 'this database may have lost its last commits: %', array_to_string(v_reasons, ', ')
    using detail = format('%s payments are held until it is certain that they were not made; %s requests are dropped',
      v_held, v_unsent),
      hint = 'See "Restoring a worker''s database" in the manual, and `swpt-trade transfers held`.';
  return true;
end
$$;

comment on function worker.notice_step_back is
  'Notices that this database is not where it was when a process last looked: it was restored, copied, or promoted '
  'from a standby, and what it committed last may be lost. Then all its payments are held, request IDs jump ahead, and '
  'requests that wait to be sent are dropped. p_reason: what somebody else has noticed. True only when that is news. '
  'Called by set_configuration, before a process does anything, and by the worker''s turn loop.';
