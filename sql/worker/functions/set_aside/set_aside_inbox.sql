create or replace function worker.set_aside_inbox(p_lane integer, p_msg_id bigint, p_sqlstate text, p_error text)
  returns integer
  language plpgsql
as $$
declare
  v_message jsonb;
begin
  if not worker.try_lock_lane(p_lane) then
    return 0;
  end if;
  execute format('delete from pgmq.%I where msg_id = $1 returning message', 'q_inbox_' || p_lane)
  into v_message
  using p_msg_id;
  if v_message is null then
    return 0;
  end if;
  insert into worker.set_aside (queue, message_type, body, sqlstate, error, failures, set_aside_at)
  values (
    'inbox_' || p_lane, v_message ->> 'type', v_message, p_sqlstate, p_error,
    -- Twice alone.
    2 + worker.earlier_failures(v_message), worker.now()
  );
  return 1;
end
$$;

comment on function worker.set_aside_inbox is
  'Sets a message of a lane aside that ran into a limit of the server, alone and twice, while others did not; an error '
  'that no handler can catch. Returns how many, 0 when the lane is busy or the message gone. Called by the drain.';
