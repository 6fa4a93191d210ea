create or replace function worker.discard_set_aside(p_ids bigint[], p_decided_by text default session_user)
  returns integer
  language sql
  security definer
begin atomic
  with discarded as (
    delete from worker.set_aside as s
    where s.set_aside_id = any(p_ids)
    returning s.*
  ),
  decided as (
    insert into worker.set_aside_decision (
      set_aside_id, is_replay, decided_by, decided_at, queue, message_type, body, sqlstate, error, failures,
      set_aside_at
    )
    select
      d.set_aside_id, false, p_decided_by, worker.now(), d.queue, d.message_type, d.body, d.sqlstate, d.error,
      d.failures, d.set_aside_at
    from discarded as d
    returning 1
  ),
  noted as (
    insert into worker.operator_action (done_at, done_by, action, subject)
    select
      worker.now(), p_decided_by, 'discarded messages',
      jsonb_build_object('messages', array_agg(d.set_aside_id order by d.set_aside_id))
    from discarded as d
    having count(*) > 0
  )
  select count(*)::integer from decided;
end;

comment on function worker.discard_set_aside is
  'Gives up messages that were set aside, notes who decided so, and returns how many. Called by operators.';
