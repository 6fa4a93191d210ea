create or replace function worker.trigger_due_transfers(p_lane integer, p_limit integer, p_skip integer default 0)
  returns integer
  language plpgsql
as $$
declare
  v_due worker.transfer_attempt_key[];
begin
  if not worker.try_lock_lane(p_lane) then
    return 0;
  end if;
  select array_agg(d) into v_due from worker.due_transfers(p_lane, p_limit, p_skip) as d;
  if v_due is null then
    return 0;
  end if;
  return worker.trigger_transfers(v_due);
end
$$;

comment on function worker.trigger_due_transfers is
  'Triggers up to p_limit transfer attempts of a lane whose waiting time is over, without the first p_skip, and '
  'returns how many. 0 also if somebody else works on the lane. One call is one transaction. Called periodically by '
  'the worker.';
